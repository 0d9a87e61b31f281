"""Subject + scene + pose -> picture and ground truth."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from megactor.synth.anatomy.bust import Bust
from megactor.synth.anatomy.subject import Material, Subject
from megactor.synth.motion.sequence import MotionFrame
from megactor.synth.posing.poser import Posed, expression_shapes
from megactor.synth.render import lighting, raster, shading, tone
from megactor.synth.render.lenses import mirrored
from megactor.synth.render.materials import look_of
from megactor.synth.render.occlusion import ambient_occlusion
from megactor.synth.render.prepared import PreparedSubject, Recent
from megactor.synth.scene.camera import Camera, camera_for
from megactor.synth.scene.scene import Framing, Scene

OUTSIDE = 255
"""In `Rendered.materials`: background."""

_KEPT_SUBJECTS = 4
_INNER_PASS = 4000
"""Triangles of hair, drawn from front to back, after which it is looked up again what is already hidden."""
_FACE = (0.0, 0.0, 8.0)
"""A point of the face at rest."""
_METER_SIZE = 64
"""Side of the picture that the exposure is read from."""
_METER_EXPOSURE = 0.1


@dataclass(frozen=True)
class Rendered:
    """One frame of S x S pixels. Pixel (row i, column j) has its center at x = j + 0.5, y = i + 0.5.

    "At the center" below means at the sample nearest to the pixel's center: on it with odd supersampling, a quarter
    of a pixel right and down of it with 2 x 2.

    rgb: (S, S, 3) float32, sRGB in [0, 1], the background composed in.
    alpha: (S, S) float32, the covered part of the pixel.
    materials: (S, S) uint8 of `Material` at the center, `OUTSIDE` where there is background. Skin under clothes and
        hats counts as cloth.
    normals: (S, S, 3) float32 at the center in world axes (x right, y up, z to the camera), zero outside.
    depth: (S, S) float32, distance along the optical axis in rig units at the center, inf outside.
    landmarks: (70, 2) float32 pixels: the 68 landmarks, then the centers of the left and the right iris
        (the person's left). They are there whether visible or not.
    screen: (V, 3) float32: pixel x, y and distance along the optical axis of every vertex of the subject.
    triangle_ids: (S, S) int32, the triangle seen at the center, -1 outside.
    """

    rgb: np.ndarray
    alpha: np.ndarray
    materials: np.ndarray
    normals: np.ndarray
    depth: np.ndarray
    landmarks: np.ndarray
    screen: np.ndarray
    triangle_ids: np.ndarray


class Renderer:
    """Renders subjects built on one bust. Keeps tables of the last few subjects; not thread-safe, use processes.

    Args:
        bust: what the subjects were built on.
    """

    def __init__(self, bust: Bust) -> None:
        self.bust = bust
        self._shapes = expression_shapes(bust)
        self._subjects: Recent[PreparedSubject] = Recent(_KEPT_SUBJECTS)
        self._exposures: Recent[float] = Recent(2 * _KEPT_SUBJECTS)
        self._backgrounds: Recent[np.ndarray] = Recent(_KEPT_SUBJECTS)
        self._curve = tone.tone_curve()
        self._linear_curve = (tone.LARGEST * np.linspace(0, 1, 1024) ** 2).astype(np.float32)

    def render(
        self,
        subject: Subject,
        scene: Scene,
        pose: MotionFrame,
        size: int,
        supersampling: int = 2,
        shift: tuple[float, float] = (0.0, 0.0),
        background_shift: tuple[float, float] = (0.0, 0.0),
    ) -> Rendered:
        """Renders one frame.

        Args:
            subject: built on this renderer's bust; must not be changed afterwards.
            scene: camera, lights and background.
            pose: expression, head pose and gaze.
            size: of the square picture in pixels.
            supersampling: samples along each side of a pixel, 1 to 4.
            shift: how far right and up the camera is moved, in pictures.
            background_shift: how far the background moves by that, to the left and down.
        """
        prepared = self._subjects.get((subject,), lambda: PreparedSubject(self.bust, self._shapes, subject))
        exposure = self._exposures.get((subject, scene), lambda: self._meter(prepared, scene))
        posed = prepared.poser.pose(pose)
        framing = scene.framing.moved(*shift)
        frame = self._draw(prepared, scene, framing, posed, size, supersampling, exposure, self._curve)
        if subject.lenses:
            turn = float(pose.rotation[1]) + scene.framing.yaw, -float(pose.rotation[0]) - scene.framing.pitch
            mirrored(frame.rgb, frame.alpha, frame.materials, frame.screen, subject.lenses, turn)
        frame.rgb[:] += self.background(scene, size, background_shift) * (1 - frame.alpha[..., None])
        return frame

    def background(self, scene: Scene, size: int, shift: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
        """(size, size, 3) float32 sRGB in [0, 1]: what is seen where nobody is; `shift` as `background_shift`."""
        still = self._backgrounds.get((scene.background,), lambda: scene.background.picture(size), variant=size)
        if shift == (0.0, 0.0):
            return still
        matrix = np.array([[1, 0, -shift[0] * size], [0, 1, shift[1] * size]])
        return cv2.warpAffine(still, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)

    def _meter(self, prepared: PreparedSubject, scene: Scene) -> float:
        """The exposure of a whole clip: from the skin's light in a neutral pose."""
        posed = prepared.poser.neutral()
        frame = self._draw(prepared, scene, scene.framing, posed, _METER_SIZE, 1, _METER_EXPOSURE, self._linear_curve)
        skin = frame.rgb[frame.materials == Material.SKIN] / _METER_EXPOSURE
        return tone.exposure_for(skin, prepared.subject.skin.albedo) * scene.exposure_jitter

    def _draw(
        self,
        prepared: PreparedSubject,
        scene: Scene,
        framing: Framing,
        posed: Posed,
        size: int,
        supersampling: int,
        exposure: float,
        curve: np.ndarray,
    ) -> Rendered:
        """The picture without its background: rgb is multiplied with alpha."""
        subject = prepared.subject
        camera = camera_for(framing, size * supersampling)
        screen = camera.project(posed.positions)
        depth, ids = _draw_samples(prepared, screen, size * supersampling)
        shadow_map, view = lighting.cast_shadow(
            posed.positions, scene.lights[0, :3], subject.triangles, prepared.shadow_casters, posed.translation
        )
        openness_step = 2 * supersampling
        openness, openness_distance = ambient_occlusion(depth, camera.focal, openness_step)
        light = lighting.Light(
            lamps=scene.lights,
            ambient=scene.ambient,
            shadow_map=shadow_map,
            shadow_view=view,
            openness=openness,
            openness_distance=openness_distance,
            openness_step=openness_step,
        )
        mesh = shading.Mesh(
            moving=shading.pack_moving(screen, posed.positions, posed.normals, posed.tangents),
            fixed=prepared.fixed,
            triangles=prepared.triangles,
            uv_triangles=prepared.uv_triangles,
            uvs=self.bust.uvs,
            materials=prepared.materials,
        )
        pixel = math.dist(camera.position, _FACE) / camera.focal * supersampling
        look = look_of(subject, posed, prepared.texture(pixel, posed.expressions))
        rgb, normals = np.zeros((2, size, size, 3), np.float32)
        alpha = np.zeros((size, size), np.float32)
        materials = np.full((size, size), OUTSIDE, np.uint8)
        shading.shade(
            mesh,
            look,
            light,
            camera.position,
            exposure,
            curve,
            supersampling,
            ids,
            depth,
            rgb,
            alpha,
            materials,
            normals,
        )
        at_center = slice(supersampling // 2, None, supersampling)
        with np.errstate(divide="ignore"):
            distance = -1 / depth[at_center, at_center]
        screen[:, :2] /= supersampling
        return Rendered(
            rgb=rgb,
            alpha=alpha,
            materials=materials,
            normals=normals,
            depth=np.abs(distance),
            landmarks=projected_landmarks(self.bust, posed, camera) / supersampling,
            screen=screen,
            triangle_ids=ids[at_center, at_center].copy(),
        )


def projected_landmarks(bust: Bust, posed: Posed, camera: Camera) -> np.ndarray:
    """(70, 2) float32 in the camera's pixels: the 68 landmarks, then the centers of the left and the right iris."""
    irises = np.stack([eye.center + eye.radius * eye.axes[0] for eye in posed.eyes])
    points = np.concatenate([posed.positions[bust.rig.landmarks], irises])
    return camera.project(points)[:, :2].astype(np.float32)


def _draw_samples(prepared: PreparedSubject, screen: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Depth buffer and triangle ids, (size, size) each: outer skin first, then what it may hide, then lashes."""
    subject = prepared.subject
    steps, depths = raster.corners(screen), -1 / screen[:, 2]
    depth = np.zeros((size, size), np.float32)
    ids = np.full((size, size), raster.EMPTY, np.int32)
    triangles, two_sided = prepared.triangles, prepared.two_sided
    nothing = raster.nothing_hidden(depth)
    raster.draw(steps, depths, triangles, prepared.outer, two_sided, nothing, depth, ids)
    inner = raster.front_to_back(depths, triangles, prepared.inner)
    for part in np.array_split(inner, 1 + len(inner) // _INNER_PASS):
        raster.draw(steps, depths, triangles, part, two_sided, raster.farthest_depths(depth), depth, ids)
    raster.draw_lashes(
        steps,
        depths,
        triangles,
        len(triangles) - subject.lash_triangles,
        prepared.uv_triangles,
        prepared.uvs,
        float(subject.lash_density),
        float(subject.lash_length),
        depth,
        ids,
    )
    return depth, ids
