"""Renders the media of `src/megactor/assets/demo`: python scripts/demo_media.py OUTPUT_FOLDER [NAME ...].

Needs the extra `synth` and a rig (docs/synthetic.md). The clips that speak do it with a voice made from their own jaw
and lips, so that a shifted sound track would be noticed. The others are acted by keys below, and silent.
"""

import itertools
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import av
import numpy as np
from PIL import Image
from scipy.signal import lfilter

from megactor.synth.anatomy.bust import build_bust
from megactor.synth.anatomy.rig import Rig, find_rig
from megactor.synth.identity.assemble import build_subject
from megactor.synth.identity.draws import random_traits
from megactor.synth.motion.expressions import EMOTIONS, MEME_FACES, Face
from megactor.synth.motion.performance import random_motion
from megactor.synth.motion.sequence import MotionFrame, MotionSequence
from megactor.synth.motion.tracks import ExpressionTracks, bump, ease
from megactor.synth.render.renderer import Renderer
from megactor.synth.scene.photo import PhotoLook, develop
from megactor.synth.scene.scene import Framing, Scene, random_scene
from megactor.synth.styles.style import Style

PORTRAITS = {  # name: person, scene, style
    "photo": (205, 1205, "photo"),
    "oil": (410, 1410, "oil"),
    "avatar": (308, 1308, "avatar"),
    "watercolor": (604, 1604, "watercolor"),
    "pencil": (703, 1703, "pencil"),
    "cartoon": (511, 1511, "cartoon"),
}
CLIPS = {  # name: person, scene, motion
    "talk": (207, 1207, 3),
    "faces": (203, 1203, 135),
}
SMILE = {"mouthSmile": 0.4, "jawOpen": 0.12, "mouthUpperUp": 0.15, "mouthLowerDown": 0.15, "cheekSquint": 0.2}
PORTRAIT_SIZE, CLIP_SIZE, FRAMES, FPS = 512, 320, 100, 25
SPEECH = (913, 1913, 7)
"""Person, scene, motion of a calm speaker."""
ACT_SIZE, ACT_FRAMES = 256, 84
SAMPLE_RATE, BLOCK = 32000, 320
LOOK = PhotoLook(noise=0.004)
CLOSE = Framing(fov_degrees=24, half_height=16.0, yaw=0.0, pitch=0.05, center=(0.0, -1.8))
"""Of the small clips."""
CLEAN = PhotoLook(noise=0.0)
"""Noise would take most of their bytes."""


@dataclass(frozen=True)
class Act:
    """What somebody does, by keys of (seconds, what is there in full).

    person, scene: seeds.
    faces: as in `synth.motion.expressions`.
    head: pitch, yaw and roll in degrees, as in `MotionFrame`.
    gaze: yaw and pitch in degrees, of the eyes in the head.
    blinks: seconds.
    """

    person: int
    scene: int
    faces: Sequence[tuple[float, Face]]
    head: Sequence[tuple[float, tuple[float, float, float]]]
    gaze: Sequence[tuple[float, tuple[float, float]]] = ((0.0, (0.0, 0.0)),)
    blinks: Sequence[float] = ()


def _some(face: Face, share: float) -> Face:
    return {name: share * weight for name, weight in face.items()}


REST: Face = _some(EMOTIONS["smile"], 0.15)
ACTS = {
    "smile": Act(
        902,
        1902,
        [
            *((0.3, REST), (0.7, EMOTIONS["smile"]), (1.0, EMOTIONS["laugh"]), (1.4, EMOTIONS["laugh"]), (1.8, REST)),
            *((1.95, REST), (2.2, EMOTIONS["surprise"]), (2.7, EMOTIONS["surprise"]), (3.2, REST)),
        ],
        [
            *(
                (0.3, (0, 0, 0)),
                (1.1, (-6, 4, 4)),
                (1.8, (2, 0, 0)),
                (2.3, (-5, -3, -2)),
                (2.7, (-5, -3, -2)),
                (3.2, (0, 0, 0)),
            )
        ],
        blinks=(1.75, 2.95),
    ),
    "turn": Act(
        908,
        1908,
        [
            (0.2, REST),
            (0.8, _some(EMOTIONS["smile"], 0.5)),
            (1.8, REST),
            (2.6, _some(EMOTIONS["smile"], 0.6)),
            (3.2, REST),
        ],
        [
            *((0.15, (0, 0, 0)), (0.7, (0, 18, -3)), (0.95, (0, 18, -3)), (1.6, (-2, -18, 3)), (1.85, (-2, -18, 3))),
            *((2.25, (0, 0, 0)), (2.5, (11, 0, 0)), (2.75, (-6, 0, 0)), (3.0, (9, 0, 0)), (3.25, (0, 0, 0))),
        ],
        [(0.1, (0, 0)), (0.3, (8, 0)), (0.9, (0, 0)), (1.1, (-8, 0)), (1.7, (0, 0)), (2.0, (6, 0)), (2.3, (0, 0))],
        blinks=(0.2, 1.2, 2.1),
    ),
    "wink": Act(
        916,
        1916,
        [
            *((0.2, REST), (0.9, REST), (1.1, MEME_FACES["wink left"]), (1.35, MEME_FACES["wink left"])),
            *((1.6, MEME_FACES["smirk right"]), (1.9, MEME_FACES["smirk right"]), (2.15, MEME_FACES["kiss"])),
            *((2.4, MEME_FACES["kiss"]), (2.65, MEME_FACES["puff"]), (2.9, MEME_FACES["puff"]), (3.2, REST)),
        ],
        [
            (0.2, (0, 0, 0)),
            (0.9, (0, -3, 0)),
            (1.2, (0, 5, 7)),
            (1.7, (-3, -4, -6)),
            (2.3, (2, 0, 0)),
            (3.2, (0, 0, 0)),
        ],
        [(0.2, (0, 0)), (0.28, (28, 2)), (0.5, (28, 2)), (0.58, (-28, 2)), (0.85, (-28, 2)), (0.95, (0, 0))],
        blinks=(1.95,),
    ),
}


def framing(avatar: bool) -> Framing:
    """From the front, with air around the head as in a picture from a phone."""
    half_height = 20.5 * (1.2 if avatar else 1.0)
    return Framing(fov_degrees=24, half_height=half_height, yaw=0.0, pitch=0.05, center=(0.0, -3.4))


def portrait(renderer: Renderer, person: int, scene_seed: int, style: str, size: int) -> np.ndarray:
    """A still that smiles and shows its teeth a little; uint8 (size, size, 3)."""
    avatar = style == "avatar"
    subject = build_subject(renderer.bust, random_traits(person, avatar), texture_size=1024)
    scene = random_scene(scene_seed, framing(avatar))
    names = renderer.bust.rig.expression_names
    weights = np.array(
        [SMILE.get(name.removesuffix("_L").removesuffix("_R"), 0.0) for name in names] + [0.0], np.float32
    )
    still = np.zeros(3, np.float32)
    pose = MotionFrame(weights, np.float32([0, 0.06, 0]), still, np.zeros(2, np.float32))
    painted = Style(style, person).paint(renderer.render(subject, scene, pose, size))
    return np.round(develop(painted, LOOK, noise_seed=person) * 255).astype(np.uint8)


def perform(renderer: Renderer, person: int, scene_seed: int, motion_seed: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Frames of a driving clip that begins with a neutral head, and its sound."""
    subject = build_subject(renderer.bust, random_traits(person), texture_size=1024)
    scene: Scene = random_scene(scene_seed, framing(avatar=False))
    motion = random_motion(motion_seed, FRAMES, renderer.bust.rig.expression_names, FPS)
    ease = np.minimum(1, np.arange(FRAMES) / 12)[:, None].astype(np.float32)
    motion = replace(
        motion,
        expressions=np.clip(motion.expressions * 1.2, 0, 1),
        rotation=motion.rotation * 0.8 * ease,
        translation=motion.translation * 0.6 * ease,
        gaze=motion.gaze * ease,
    )
    frames = []
    for index, pose in enumerate(motion):
        picture = develop(renderer.render(subject, scene, pose, CLIP_SIZE).rgb, LOOK, noise_seed=index)
        frames.append(np.round(picture * 255).astype(np.uint8))
    index_of = {name: i for i, name in enumerate(renderer.bust.rig.expression_names)}
    jaw, pucker = (motion.expressions[:, index_of[name]] for name in ("jawOpen", "mouthPucker"))
    return frames, voice(jaw, pucker)


def act(renderer: Renderer, act: Act) -> list[np.ndarray]:
    """Frames of a small clip that ends as it began, so that it can be played over and over."""
    subject = build_subject(renderer.bust, random_traits(act.person), texture_size=1024)
    scene: Scene = random_scene(act.scene, CLOSE)
    time = np.arange(ACT_FRAMES) / FPS
    tracks = ExpressionTracks(renderer.bust.rig.expression_names, time)
    faces = [(-1.0, act.faces[0][1]), *act.faces, (time[-1] + 1, act.faces[-1][1])]
    tracks.play(faces, 1.0)
    for blink in act.blinks:
        closed = bump(time, blink, 0.08, 0.04, 0.16)
        for side in "LR":
            np.maximum(tracks.of(f"eyeBlink_{side}"), closed, out=tracks.of(f"eyeBlink_{side}"))
    tracks.respect_each_other()
    rotation, gaze = (np.radians(_moved(time, keys)).astype(np.float32) for keys in (act.head, act.gaze))
    shift = np.zeros((ACT_FRAMES, 3), np.float32)
    motion = MotionSequence(tracks.values.astype(np.float32), rotation, shift, gaze, FPS)
    return [_clean(renderer.render(subject, scene, pose, ACT_SIZE).rgb) for pose in motion]


def _moved(time: np.ndarray, keys: Sequence[tuple[float, tuple[float, ...]]]) -> np.ndarray:
    """(T, D): from key to key, with a gentle start and end of each move."""
    track = np.tile(np.array(keys[0][1], float), (len(time), 1))
    for (start, first), (end, second) in itertools.pairwise(keys):
        track += ease(np.clip((time - start) / (end - start), 0, 1))[:, None] * (np.array(second) - first)
    return track


def speech(renderer: Renderer, person: int, scene_seed: int, motion_seed: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Frames of a small clip of somebody who talks as people in videos do, and the sound."""
    subject = build_subject(renderer.bust, random_traits(person), texture_size=1024)
    scene: Scene = random_scene(scene_seed, CLOSE)
    names = renderer.bust.rig.expression_names
    motion = random_motion(motion_seed, ACT_FRAMES, names, FPS, talking_head=True)
    frames = [_clean(renderer.render(subject, scene, pose, ACT_SIZE).rgb) for pose in motion]
    return frames, voice(*(motion.expressions[:, names.index(name)] for name in ("jawOpen", "mouthPucker")))


def _clean(rgb: np.ndarray) -> np.ndarray:
    return np.round(develop(rgb, CLEAN, noise_seed=0) * 255).astype(np.uint8)


def voice(jaw: np.ndarray, pucker: np.ndarray) -> np.ndarray:
    """A hum through formants, (samples,) float32: loudness follows the jaw, the vowel follows jaw and lips."""
    count = len(jaw) * SAMPLE_RATE // FPS
    time = np.arange(count) / SAMPLE_RATE
    jaw, pucker = (np.interp(time * FPS - 0.5, np.arange(len(track)), track) for track in (jaw, pucker))
    pitch = 125 * (1 + 0.06 * np.sin(4.4 * time) + 0.04 * np.sin(14.5 * time + 1)) * (1 + 0.12 * (jaw - 0.2))
    buzz = 2 * (np.cumsum(pitch) / SAMPLE_RATE % 1) - 1
    breath = np.random.default_rng(0).normal(0, 0.01, count)
    source = 0.2 * lfilter([1], [1, -0.92], buzz) + breath
    sound, state = np.zeros(count), [np.zeros(2) for _ in range(3)]
    for start in range(0, count, BLOCK):
        block = source[start : start + BLOCK]
        open_, round_ = jaw[start], pucker[start]
        formants = (
            (300 + 550 * min(1, 1.6 * open_), 90),
            (1700 - 900 * round_ - 250 * open_, 110),
            (2500 - 300 * round_, 160),
        )
        for number, (frequency, bandwidth) in enumerate(formants):
            radius = np.exp(-np.pi * bandwidth / SAMPLE_RATE)
            poles = [1, -2 * radius * np.cos(2 * np.pi * frequency / SAMPLE_RATE), radius**2]
            block, state[number] = lfilter([1 - radius], poles, block, zi=state[number])
        sound[start : start + BLOCK] = block
    window = np.hanning(801)
    loudness = np.convolve(np.clip((jaw - 0.04) * 4, 0, 1) ** 0.8, window / window.sum(), "same")
    sound *= loudness
    return (0.5 * sound / (np.abs(sound).max() + 1e-9)).astype(np.float32)


def write_clip(path: Path, frames: list[np.ndarray], sound: np.ndarray | None = None) -> None:
    """Small H.264, with mono AAC where there is a sound: it is packaged."""
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        video = container.add_stream("libx264", rate=FPS, options={"crf": "28", "preset": "veryslow"})
        video.width = video.height = len(frames[0])
        video.pix_fmt = "yuv420p"
        audio = None if sound is None else container.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        if audio is not None:
            audio.bit_rate = 32000
        for frame in frames:
            container.mux(video.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(video.encode())
        if audio is None or sound is None:
            return
        samples = av.AudioFrame.from_ndarray(sound[None], format="fltp", layout="mono")
        samples.sample_rate = SAMPLE_RATE
        container.mux(audio.encode(samples))
        container.mux(audio.encode())


def main(folder: Path, names: Sequence[str]) -> None:
    """Renders what is named, or everything, into an existing folder."""
    renderer = Renderer(build_bust(Rig.load(find_rig())))
    for name in names or (*PORTRAITS, *CLIPS, *ACTS, "speech"):
        if name in PORTRAITS:
            person, scene, style = PORTRAITS[name]
            picture = portrait(renderer, person, scene, style, PORTRAIT_SIZE)
            Image.fromarray(picture).save(folder / f"{name}.jpg", quality=88)
        elif name in CLIPS:
            write_clip(folder / f"{name}.mp4", *perform(renderer, *CLIPS[name]))
        elif name in ACTS:
            write_clip(folder / f"{name}.mp4", act(renderer, ACTS[name]))
        else:
            write_clip(folder / f"{name}.mp4", *speech(renderer, *SPEECH))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
