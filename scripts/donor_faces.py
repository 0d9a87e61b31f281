"""Renders what `megactor curate` swaps faces with: python scripts/donor_faces.py OUTPUT_FOLDER.

Needs the extra `curate` and a rig (docs/synthetic.md). Writes donors, each seen from three sides in even light and
without hair, glasses and beard, and `mesh.npz`: the mean of their faces as MediaPipe's mesh, its colors, and depths
that the renderer knows.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.spatial import Delaunay

from megactor.curate.twins.colors import vertex_colors
from megactor.curate.twins.face_mesh import POINTS
from megactor.faces.analyzer import FaceAnalyzer, create_analyzer
from megactor.synth.anatomy.bust import build_bust
from megactor.synth.anatomy.rig import Rig, find_rig
from megactor.synth.anatomy.subject import Subject
from megactor.synth.identity.assemble import build_subject
from megactor.synth.identity.draws import random_traits
from megactor.synth.identity.traits import Traits
from megactor.synth.motion.sequence import MotionFrame
from megactor.synth.render.renderer import Rendered, Renderer
from megactor.synth.scene.photo import PhotoLook, develop
from megactor.synth.scene.scene import Framing, random_scene

PEOPLE = (2, 3, 7, 10, 11, 12, 13, 14, 17, 18, 19, 23)
SIDES = {"left": -0.45, "front": 0.0, "right": 0.45}
"""Yaw of the head in radians, by the side of the picture that the nose points to."""
RENDERED, MARGIN, SIZE = 512, 0.12, 320
HALF_HEIGHT = 12.5
FRAMING = Framing(fov_degrees=16, half_height=HALF_HEIGHT, yaw=0.0, pitch=0.03, center=(0.0, 0.0))
LIGHT = (0.25, 0.45, 0.86)


def donor(seed: int) -> Traits:
    """The person of a seed with a bare face."""
    traits = random_traits(seed, details=True)
    hair = replace(traits.hair, style="bald", fringe=False)
    beard = replace(traits.beard, style="shaved", stubble=0.0) if traits.beard is not None else None
    return replace(traits, glasses=None, hat=None, hair=hair, beard=beard)


def photograph(renderer: Renderer, subject: Subject, yaw: float) -> Rendered:
    """A face that does nothing, lips a little apart, in even light."""
    scene = random_scene(0, FRAMING)
    ambient = np.zeros((3, 9), np.float32)
    ambient[:, 0], ambient[:, 1], ambient[:, 2] = 0.9, 0.25, 0.15
    direction = np.array(LIGHT) / np.linalg.norm(LIGHT)
    lights = np.array([[*direction, 0.8, 0.8, 0.8]], np.float32)
    scene = replace(scene, ambient=ambient, lights=lights, exposure_jitter=1.0)
    names = renderer.bust.rig.expression_names
    weights = np.array([0.1 if name == "jawOpen" else 0.0 for name in names] + [0.0], np.float32)
    pose = MotionFrame(weights, np.float32([0, yaw, 0]), np.zeros(3, np.float32), np.zeros(2, np.float32))
    return renderer.render(subject, scene, pose, RENDERED, supersampling=3)


def cut(picture: np.ndarray, landmarks: np.ndarray) -> Image.Image:
    """The square around the face; skin and features are all that is lent."""
    low, high = landmarks.min(0), landmarks.max(0)
    half = float((0.5 + MARGIN) * (high - low).max())
    x, y = (low + high) / 2
    box = tuple(round(value) for value in (x - half, y - half, x + half, y + half))
    return Image.fromarray(picture).crop(box).resize((SIZE, SIZE), Image.Resampling.LANCZOS)


def solid(rendered: Rendered, landmarks: np.ndarray) -> np.ndarray:
    """(468, 3) rig units, x right, y down, z away: landmarks of a frontal face and the depths below them."""
    unit = 2 * HALF_HEIGHT / RENDERED
    # just inside of the outline, behind which there is background
    inner = landmarks + 0.03 * (landmarks.mean(0) - landmarks)
    column, row = np.clip(inner, 0, RENDERED - 1).astype(int).T
    depth = rendered.depth[row, column]
    points = np.column_stack([landmarks * unit, np.where(np.isfinite(depth), depth, np.nanmax(depth[depth < 1e6]))])
    return points - points.mean(0)


def packaged_colors(path: Path, analyzer: FaceAnalyzer) -> np.ndarray:
    """(468, 3), logarithms of a donor's colors as it was written."""
    picture = np.asarray(Image.open(path))
    return vertex_colors([picture], analyzer.faces(picture)[0].landmarks[None, :POINTS])[0]


def main(folder: Path) -> None:
    """Renders everything into an existing folder."""
    renderer = Renderer(build_bust(Rig.load(find_rig())))
    analyzer: FaceAnalyzer = create_analyzer()
    solids = []
    for seed in PEOPLE:
        subject = build_subject(renderer.bust, donor(seed), texture_size=1024)
        for side, yaw in SIDES.items():
            rendered = photograph(renderer, subject, yaw)
            picture = np.round(develop(rendered.rgb, PhotoLook(), noise_seed=seed) * 255).astype(np.uint8)
            landmarks = analyzer.faces(picture)[0].landmarks[:POINTS]
            cut(picture, landmarks).save(folder / f"{seed:02d}-{side}.jpg", quality=86)
            if side == "front":
                solids.append(solid(rendered, landmarks))
    mean = np.mean(solids, axis=0).astype(np.float32)
    colors = [packaged_colors(path, analyzer) for path in sorted(folder.glob("*-front.jpg"))]
    np.savez(
        folder / "mesh.npz",
        points=mean,
        triangles=Delaunay(mean[:, :2]).simplices.astype(np.int16),
        colors=np.mean(colors, axis=0).astype(np.float32),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
