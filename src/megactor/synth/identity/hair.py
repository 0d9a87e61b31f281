"""Hair: where strands root and how they grow into a style."""

from dataclasses import replace

import numpy as np

from megactor.synth.anatomy.bust import Bust, smoothstep
from megactor.synth.anatomy.regions import scalp_distance
from megactor.synth.anatomy.subject import Material
from megactor.synth.identity.attached import Attached
from megactor.synth.identity.hairstyles import HAIRSTYLES, Hairstyle
from megactor.synth.identity.head_surface import HEAD_CENTER, HeadSurface
from megactor.synth.identity.strands import ribbons, rooted_on_head, scatter, unit
from megactor.synth.identity.traits import HairTraits, Traits
from megactor.synth.streams import stream

_LOCKS = 260
_STIFFNESS = 0.3
"""How much of a direction is new after one rig unit; the rest goes on as before."""
_STEP = 1.3
"""Hair grows in steps of at most about this length, finer than it is drawn."""
_BROW_HEIGHT = 6.5
"""A fringe ends here."""
_FACE_HEIGHTS, _FACE_AZIMUTHS = (-8.0, 2.0, 6.0, 10.0), (1.15, 1.1, 0.95, 0.6)
"""The face that hair hangs beside: half its angle at heights of the mean head."""
_FRONT, _LOWEST_FRINGE = 0.5, 4.0
"""Angle to either side, and height, within and below which no strand belongs."""
_KNOT_HEIGHTS = (9.5, 5.0, 2.0)
_KNOT_STRANDS = 260
_KNOT_AXIS = np.array([0.2, 0.3, -1.0])


def grow_hair(bust: Bust, rest: np.ndarray, traits: Traits) -> Attached | None:
    """The hair of a person; None where the scalp is bare.

    Args:
        bust: for the scalp's place.
        rest: (B, 3) the identity at rest.
        traits: whose.
    """
    hair = traits.hair
    style = HAIRSTYLES[hair.style]
    if not style.strands:
        return None
    if traits.hat:
        style = _under_a_hat(style)
    rng = stream(traits.seed, "hair strands")
    roots = _roots(bust, rest, style, hair, rng)
    if roots is None:
        return None
    growth = _Growth(style, hair, HeadSurface(bust, rest), roots, rng)
    points = growth.grown()
    if style.gathered:
        points = np.concatenate([points, growth.wound_knot()])
    color = np.array(hair.color)
    root_color = 0.6 * np.array(hair.root_color) + 0.4 * color
    return ribbons(rooted_on_head(points, HEAD_CENTER), root_color, color * 1.15, style.width, rng, style.tip)


def _under_a_hat(style: Hairstyle) -> Hairstyle:
    """Pressed flat, so that nothing comes through the hat or stands up beside it."""
    return replace(
        style,
        volume=(0.3 * style.volume[0], 0.4 * style.volume[1]),
        lift=0.15 * style.lift,
        noise=0.4 * style.noise,
        curl=0.5 * style.curl,
        weight=max(style.weight, 0.4),
    )


def _roots(
    bust: Bust, rest: np.ndarray, style: Hairstyle, hair: HairTraits, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray] | None:
    """(N, 3) roots on the identity and the same points on the mean head."""
    surface = np.isin(bust.materials, (Material.SKIN, Material.HEAD))
    triangles = bust.triangles[surface]
    center = bust.rest[triangles].mean(axis=1)
    height = scalp_distance(center, hair.hairline)
    ears = (np.abs(center[:, 0]) > 7.6) & (center[:, 1] < 5.6) & (center[:, 2] > -2.5)
    # sparse at the hairline: a wig has a hard edge, hair has not
    density = np.where(ears, 0, smoothstep(height, 0.05, 1.4) * 0.8 + 0.2 * (height > 0.05))
    if not density.any():
        return None
    chosen, weights = scatter(rest, triangles, density, style.strands, rng)
    on_identity, canonical = (
        (points[triangles[chosen]] * weights[..., None]).sum(axis=1) for points in (rest, bust.rest)
    )
    return on_identity, canonical


class _Growth:
    """Grows all strands together, one segment a step."""

    def __init__(
        self,
        style: Hairstyle,
        hair: HairTraits,
        surface: HeadSurface,
        roots: tuple[np.ndarray, np.ndarray],
        rng: np.random.Generator,
    ) -> None:
        self.style, self.surface, self.rng = style, surface, rng
        self.root, canonical = roots
        count = len(self.root)
        self.volume = style.volume[0] + hair.volume * (style.volume[1] - style.volume[0])
        self.layer = rng.random(count)
        length = style.length[0] + hair.length * (style.length[1] - style.length[0])
        self.length = length * rng.uniform(0.8, 1.12, count)
        if style.short_sides:
            self.length *= np.interp(canonical[:, 1], [-6, 6.5, 7.5], [0.22, 0.5, 1.0])
        self.lock = self._nearest_lock()
        part = hair.side * style.part
        self.side = np.where(canonical[:, 0] >= part, 1.0, -1.0)
        front = smoothstep(canonical[:, 2], 3, 8) * smoothstep(canonical[:, 1], 8, 11)
        has_fringe = style.fringe == 2 or (style.fringe == 1 and hair.fringe)
        self.fringe = front * has_fringe
        self.comb = self._combing(canonical, part, 1.0 if part >= 0 else -1.0)
        self.knot = np.array([0, rng.choice(_KNOT_HEIGHTS), -9.5])
        if style.gathered:
            self.length = np.linalg.norm(self.knot - self.root, axis=1) * 1.15 + 0.5

    def _nearest_lock(self) -> np.ndarray:
        """(N,) the strand, one of the first `_LOCKS`, that leads the lock of each."""
        leaders = self.root[: min(_LOCKS, len(self.root))]
        distance = (self.root**2).sum(1)[:, None] - 2 * self.root @ leaders.T + (leaders**2).sum(1)
        return distance.argmin(axis=1)

    def _combing(self, canonical: np.ndarray, part: float, towards: float) -> np.ndarray:
        """(N, 3) unit directions in which the hair was combed."""
        count = len(canonical)
        near_part = np.exp(-(((canonical[:, 0] - part) / 2.5) ** 2))
        comb = np.stack(
            [self.side * (0.55 + 0.5 * near_part), np.full(count, -0.35), np.full(count, -self.style.back)], axis=1
        )
        down_the_forehead = np.array([0.15 * towards, -0.5, 1.0])
        return unit(comb + self.fringe[:, None] * (down_the_forehead - comb))

    def grown(self) -> np.ndarray:
        """(N, K, 3) points from root to tip."""
        style, rng = self.style, self.rng
        count = len(self.root)
        steps = int(np.clip(np.ceil(np.max(self.length) / _STEP), style.segments, 3 * style.segments))
        outwards = unit(self.root - HEAD_CENTER)
        lock_noise = rng.normal(0, 1, (count, 3))[self.lock] * style.noise
        position = self.root + 0.05 * outwards
        direction = outwards * (style.lift + 0.05) + self.comb * style.comb
        direction = unit(direction + rng.normal(0, style.noise, (count, 3)) + 0.5 * lock_noise)
        points, step = [position], self.length / steps
        stiffness = 1 - (1 - _STIFFNESS) ** step
        growing = np.ones(count, bool)
        for index in range(1, steps + 1):
            t = index / steps
            noise = 0.5 * rng.normal(0, style.noise, (count, 3)) + 0.35 * lock_noise
            pull = self._pull(position, t) + noise
            direction = unit(direction + stiffness[:, None] * (pull - direction))
            target = self._kept_outside(position + direction * step[:, None], step, t)
            target, blocked = self._beside_the_face(target)
            growing &= ~blocked
            move = target - position
            distance = np.linalg.norm(move, axis=1)
            direction = np.where((distance > 1e-3)[:, None], move / (distance + 1e-6)[:, None], direction)
            reach = np.where(growing, np.minimum(distance, 1.25 * step), 0.02)
            position = position + direction * reach[:, None]
            points.append(position)
        thinned, length = _thinned(np.stack(points, axis=1), style.segments)
        locks = self._gathered_in_locks(thinned)
        return self._curled(locks, length / style.segments)[~_across_the_face(locks)]

    def _pull(self, position: np.ndarray, t: float) -> np.ndarray:
        style = self.style
        if style.gathered:
            return 1.5 * unit(self.knot - position)
        outwards = unit(position - HEAD_CENTER)
        combed = self.comb * (style.comb * (1 - t) ** 1.5)
        # below the jaw hair falls inwards to the neck instead of being combed
        low = smoothstep(-position[:, 1], -6.5, -1.0)[:, None]
        inwards = -0.035 * np.stack([position[:, 0], np.zeros(len(position)), position[:, 2] + 2], axis=1)
        fall = np.array([0, -style.weight * (0.6 + 1.8 * t), 0])
        return fall + combed + low * (inwards - combed) + outwards * (0.5 * style.lift * (1 - t))

    def _kept_outside(self, target: np.ndarray, step: np.ndarray, t: float) -> np.ndarray:
        """Pushes points out of the head and off the shoulders."""
        radius, distance = self.surface.radius(target)
        clearance = self.volume * (0.2 + 0.8 * self.layer) * min(1, 0.35 + 1.5 * t)
        clearance = clearance * np.interp(target[:, 1], [-10, 0, 8], [0.5, 0.8, 1]) + 0.08
        push = np.maximum(0, radius + clearance - distance)
        target = target + (target - HEAD_CENTER) * (push / distance)[:, None]
        sunk = self.surface.shoulder_height(target) + 0.35 + 0.6 * self.layer - target[:, 1]
        sunk = np.where((np.abs(target[:, 0]) < 22) & (target[:, 2] > -10.5), np.maximum(0, sunk), 0)
        rise = np.minimum(sunk, step)
        over = np.stack(
            [0.15 * np.sign(target[:, 0]), np.ones(len(rise)), np.where(target[:, 2] < 2, -0.5, 0.5)], axis=1
        )
        return target + over * rise[:, None]

    def _beside_the_face(self, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Slides points sideways out of the face; those of a fringe end above the brows instead."""
        azimuth = np.arctan2(target[:, 0], target[:, 2] - HEAD_CENTER[2])
        limit = np.interp(target[:, 1], _FACE_HEIGHTS, _FACE_AZIMUTHS)
        in_front = (np.abs(azimuth) < limit) & (target[:, 1] < _BROW_HEIGHT + 2.5) & (target[:, 2] > 0)
        fringe = self.fringe > 0.3
        in_front &= ~(fringe & (target[:, 1] > _BROW_HEIGHT))
        blocked = in_front & fringe
        side = np.where(np.abs(target[:, 0]) < 0.3, self.side, np.sign(target[:, 0]))
        away = np.hypot(target[:, 0], target[:, 2] - HEAD_CENTER[2])
        beside = np.stack([away * np.sin(side * limit), target[:, 1], away * np.cos(limit) + HEAD_CENTER[2]], axis=1)
        return np.where((in_front & ~blocked)[:, None], 0.4 * target + 0.6 * beside, target), blocked

    def _gathered_in_locks(self, points: np.ndarray) -> np.ndarray:
        t = np.linspace(0, 1, points.shape[1])[None, :, None]
        leader = points[self.lock] + 0.35 * (self.root - self.root[self.lock])[:, None]
        return points + (leader - points) * (0.8 * self.style.clump * t**1.2)

    def _curled(self, points: np.ndarray, step: np.ndarray) -> np.ndarray:
        style = self.style
        if not style.curl:
            return points
        count, steps, _ = points.shape
        phase = self.rng.uniform(0, 2 * np.pi, (count,))[self.lock] + self.rng.normal(0, 0.5, count)
        turn = 2 * np.pi * style.curl_turns * step[:, None] * np.arange(steps) + phase[:, None]
        along, outwards = unit(np.gradient(points, axis=1)), unit(points - HEAD_CENTER)
        aside = np.cross(along, outwards)
        radius = style.curl * np.minimum(1, 2.5 * np.linspace(0, 1, steps))[None, :, None]
        return points + radius * (np.cos(turn)[..., None] * aside + 0.6 * (1 + np.sin(turn))[..., None] * outwards)

    def wound_knot(self) -> np.ndarray:
        """(M, K, 3) strands wound round the ball that gathered hair ends in."""
        rng = self.rng
        start = unit(rng.normal(0, 1, (_KNOT_STRANDS, 3)))
        around = unit(np.cross(_KNOT_AXIS, start))
        angle = np.linspace(0, 1.6, self.style.segments + 1)[None, :, None]
        ball = self.knot - np.array([0, 0, 1.0])
        return ball + rng.uniform(2.0, 3.2) * (start[:, None] * np.cos(angle) + around[:, None] * np.sin(angle))


def _across_the_face(points: np.ndarray) -> np.ndarray:
    """(N,) strands that the lock they follow, on the other side, pulled across the face or the throat."""
    x, y, z = np.moveaxis(points, 2, 0)
    in_front = (np.abs(np.arctan2(x, z - HEAD_CENTER[2])) < _FRONT) & (y < _LOWEST_FRINGE) & (z > 0)
    return in_front.any(axis=1)


def _thinned(points: np.ndarray, segments: int) -> tuple[np.ndarray, np.ndarray]:
    """Fewer points along strands, closer at the root, where hair bends round the head.

    Args:
        points: (N, K, 3).
        segments: S, of each strand afterwards.

    Returns:
        (N, S + 1, 3) points and (N,) the strands' lengths.
    """
    steps = np.linalg.norm(np.diff(points, axis=1), axis=2)
    length = np.concatenate([np.zeros((len(points), 1)), np.cumsum(steps, axis=1)], axis=1)
    target = length[:, -1:] * np.linspace(0, 1, segments + 1) ** 1.25
    below = (length[:, None, 1:-1] <= target[:, :, None]).sum(axis=2)
    row = np.arange(len(points))[:, None]
    part = np.clip((target - length[row, below]) / (steps[row, below] + 1e-9), 0, 1)[..., None]
    return points[row, below] * (1 - part) + points[row, below + 1] * part, length[:, -1]
