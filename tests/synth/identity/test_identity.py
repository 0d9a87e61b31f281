from dataclasses import fields, replace

import numpy as np
import pytest

from megactor.synth.anatomy.subject import Material
from megactor.synth.identity import clothes
from megactor.synth.identity.assemble import build_subject
from megactor.synth.identity.attached import surface_normals, tube
from megactor.synth.identity.beard import BEARDS
from megactor.synth.identity.clothes import build_collar, clothes_look
from megactor.synth.identity.draws import random_traits
from megactor.synth.identity.hairstyles import FEMININE_HAIR, HAIRSTYLES, MASCULINE_HAIR
from megactor.synth.identity.hats import below_rim
from megactor.synth.identity.head_surface import HEAD_CENTER
from megactor.synth.identity.shape import rest_shape
from megactor.synth.identity.traits import GlassesTraits, HatTraits

TEXTURE = 64
GLASSES = GlassesTraits(half_width=2.5, half_height=2.0, exponent=2.6, thickness=0.1, color=(0.1, 0.1, 0.1))


def hat(kind):
    return HatTraits(kind=kind, color=(0.3, 0.1, 0.1), band=(0.1, 0.1, 0.3), rim=8.5, depth=1.0)


def check(subject, bust):
    """What every subject must be, as the docstring of Subject promises."""
    vertices, base = len(subject.rest), len(bust.rest)
    attached = vertices - base
    assert subject.rest.shape == subject.canonical.shape == subject.colors.shape == (vertices, 3)
    assert subject.head_weight.shape == (vertices,)
    for name in ("hair_tangents", "hair_normals", "anchors", "anchor_weights"):
        assert getattr(subject, name).shape == (attached, 3), name
    triangles = len(subject.triangles)
    for name in ("uv_triangles", "materials", "two_sided", "casts_shadow"):
        assert len(getattr(subject, name)) == triangles, name
    assert 0 <= subject.triangles.min() <= subject.triangles.max() < vertices
    assert subject.uv_triangles.max() < len(bust.uvs)
    assert subject.anchors.min(initial=0) >= 0
    assert subject.anchors.max(initial=0) < len(bust.rig.neutral)
    assert (subject.materials[triangles - subject.lash_triangles :] == Material.LASH).all()
    assert np.array_equal(subject.triangles[: len(bust.triangles)], bust.triangles)
    for field in fields(subject):
        value = getattr(subject, field.name)
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            assert value.dtype == np.float32, field.name
            assert np.isfinite(value).all(), field.name
    assert (subject.colors > 0).all()
    assert (subject.colors <= 1).all()
    assert (subject.head_weight >= 0).all()
    assert (subject.head_weight <= 1).all()
    sums = subject.anchor_weights.sum(axis=1)
    assert np.all((np.abs(sums) < 1e-5) | (np.abs(sums - 1) < 1e-5))
    # nothing flies away from the person
    assert np.abs(subject.rest[base:]).max(initial=0) < 60
    assert subject.skin_texture.dtype == np.uint8


@pytest.mark.parametrize("seed", range(6))
def test_random_people(bust, seed):
    subject = build_subject(bust, random_traits(seed, avatar=seed == 5), TEXTURE)
    check(subject, bust)
    assert subject.skin_texture.shape == (TEXTURE, TEXTURE, 5)
    assert bool(subject.local_scales) == (seed == 5)


def test_a_person_is_a_function_of_the_seed(bust):
    first, again = (build_subject(bust, random_traits(3), TEXTURE) for _ in range(2))
    for field in fields(first):
        one, other = getattr(first, field.name), getattr(again, field.name)
        if isinstance(one, np.ndarray):
            assert np.array_equal(one, other), field.name
    assert random_traits(3) == random_traits(3)
    assert random_traits(3) != random_traits(4)


@pytest.mark.parametrize("style", HAIRSTYLES)
def test_hairstyles(bust, style):
    traits = random_traits(1)
    hair = replace(traits.hair, style=style, fringe=True)
    subject = build_subject(bust, replace(traits, hair=hair, hat=None), TEXTURE)
    check(subject, bust)
    strands = subject.materials == Material.HAIR
    assert strands.any() == (HAIRSTYLES[style].strands > 0)
    assert (subject.hair_tangents.any(axis=1) == (np.abs(subject.hair_tangents).sum(axis=1) > 0.5)).all()
    assert 0.3 < subject.casts_shadow[strands].mean() < 0.7 if strands.any() else True


def test_no_strand_hangs_across_the_face(bust):
    """Locks of wavy hair used to pull single strands from one side to the other."""
    traits = random_traits(1)
    hair = replace(traits.hair, style="long wavy", fringe=True)
    subject = build_subject(bust, replace(traits, hair=hair, hat=None), TEXTURE)
    strands = subject.rest[len(bust.rest) :][subject.hair_tangents.any(axis=1)]
    azimuth = np.arctan2(strands[:, 0], strands[:, 2] - HEAD_CENTER[2])
    assert not ((np.abs(azimuth) < 0.4) & (strands[:, 1] < 3) & (strands[:, 2] > 0)).any()


@pytest.mark.parametrize("style", BEARDS)
def test_beards_hang_on_the_skin(bust, style):
    traits = random_traits(1)
    traits = replace(traits, feminine=False, beard=replace(traits.beard, style=style, stubble=0.5), glasses=GLASSES)
    subject = build_subject(bust, traits, TEXTURE)
    check(subject, bust)
    assert subject.anchor_weights.any() == (BEARDS[style].strands > 0)


@pytest.mark.parametrize("collar", ["none", "ribbed", "turtleneck", "shirt", "hood", "scarf"])
def test_collars_lie_on_the_neck(bust, collar):
    traits = random_traits(1)
    traits = replace(traits, clothes=replace(traits.clothes, collar=collar), hat=None)
    subject = build_subject(bust, traits, TEXTURE)
    check(subject, bust)
    cloth = np.unique(subject.triangles[subject.materials == Material.FABRIC])
    assert bool(cloth.size) == (collar != "none")
    if cloth.size:
        assert subject.rest[cloth, 1].max() < -4, "below the mouth"


def test_collars_turn_as_the_cloth_below_them(bust):
    """A neck longer than the mean one: what lies on it must not turn by its height alone, or it sinks in."""
    clothes = replace(random_traits(1).clothes, collar="ribbed")
    rest = bust.rest - np.array([0, 2, 0], np.float32)
    look = clothes_look(clothes, None, 0.0)
    collar = build_collar(bust, rest, clothes, look)
    surface = np.unique(bust.triangles[bust.materials != Material.LASH])
    distance = np.linalg.norm(collar.positions[:, None] - rest[surface], axis=2)
    below = bust.head_weight[surface[distance.argmin(axis=1)]]
    assert 0.05 < below.mean() < 0.95
    assert np.abs(collar.head_weight - below).mean() < 0.04


@pytest.mark.parametrize("kind", ["beanie", "cap", "hat"])
def test_hats_cover_the_hair_and_not_the_face(bust, kind):
    traits = random_traits(1)
    traits = replace(
        traits,
        hat=hat(kind),
        hair=replace(traits.hair, style="medium"),
        clothes=replace(traits.clothes, collar="none"),
    )
    subject = build_subject(bust, traits, TEXTURE)
    check(subject, bust)
    cloth = np.unique(subject.triangles[subject.materials == Material.FABRIC])
    assert subject.rest[cloth, 1].min() > 2
    assert (subject.head_weight[cloth] == 1).all()
    centers = subject.rest[subject.triangles[subject.materials == Material.HAIR]].mean(axis=1)
    assert below_rim(centers, traits.hat).all()


def test_changing_one_trait_leaves_the_others(bust):
    traits = random_traits(1)
    plain = build_subject(bust, replace(traits, glasses=None), TEXTURE)
    wearing = build_subject(bust, replace(traits, glasses=GLASSES), TEXTURE)
    assert np.array_equal(plain.skin_texture, wearing.skin_texture)
    strands = [s.rest[np.unique(s.triangles[s.materials == Material.HAIR])] for s in (plain, wearing)]
    assert np.array_equal(*strands)


def test_avatars_are_the_same_person_in_other_proportions(bust):
    human, avatar = random_traits(7), random_traits(7, avatar=True)
    assert (human.shape, human.skin, human.hair) == (avatar.shape, avatar.skin, avatar.hair)
    assert build_subject(bust, human, TEXTURE).local_scales == ()
    assert len(build_subject(bust, avatar, TEXTURE).local_scales) == 5


def test_people_are_diverse():
    people = [random_traits(seed) for seed in range(300)]
    tones = np.histogram([person.skin.melanin for person in people], bins=5, range=(0, 1))[0]
    assert tones.min() > 25, "all skin tones"
    assert 110 < sum(person.feminine for person in people) < 190
    assert len({person.hair.style for person in people}) > 12
    assert {person.beard.style for person in people} == set(BEARDS)
    assert 20 < sum(person.glasses is not None for person in people) < 110
    assert 10 < sum(person.hat is not None for person in people) < 45
    for person in people:
        assert all(0 < value <= 1 for color in (person.skin.albedo, person.hair.color) for value in color)


def test_weights_name_hairstyles_that_exist():
    assert set(FEMININE_HAIR) | set(MASCULINE_HAIR) == set(HAIRSTYLES)


def test_traits_are_plain_values():
    assert hash(random_traits(0)) == hash(random_traits(0))


@pytest.mark.parametrize("closed", [True, False])
def test_tubes_face_outwards(closed):
    turn = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    ring = np.stack([3 * np.cos(turn), 3 * np.sin(turn), np.zeros(20)], axis=1)
    bar = np.stack([np.linspace(0, 5, 20), np.zeros(20), np.linspace(0, 2, 20)], axis=1)
    path = ring if closed else bar
    positions, triangles = tube(path, 0.2, closed)
    outwards = positions - np.repeat(path, 6, axis=0)
    assert ((surface_normals(positions, triangles) * outwards).sum(axis=1) > 0.1).all()


def test_masculinity_widens_the_jaw(bust):
    shape = random_traits(2).shape
    woman, man = (rest_shape(bust, replace(shape, masculinity=amount))[bust.rig.landmarks] for amount in (-2, 2))
    assert man[12, 0] - man[4, 0] > woman[12, 0] - woman[4, 0]
    assert np.abs(man - woman).max() < 3, "it is still the same face"


def test_a_neckline_with_a_gap_is_closed_from_beside():
    around = clothes._AROUND
    columns = np.repeat(np.arange(around), 2)
    columns = columns[(columns < 10) | (columns > 20)]  # wider than what blurring closes
    depth = np.tile(clothes._DEPTHS[[0, -1]], len(columns) // 2)
    lines = clothes._averaged(columns, depth, np.column_stack([np.full(len(columns), 7.0), depth]))
    assert np.isfinite(lines).all()
    np.testing.assert_allclose(lines[..., 0], 7.0)
