"""All metrics of one result; `definitions.METRICS` explains their names."""

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property

import numpy as np
import torch

from megactor.drive.crop import CropBox, crop_and_resize, face_center, face_size
from megactor.evaluation.baselines import like_portrait
from megactor.evaluation.case import Case
from megactor.evaluation.regions import region_metrics
from megactor.faces.analyzer import FaceAnalyzer
from megactor.faces.face import Face
from megactor.metrics.embedding import FaceEmbedding
from megactor.metrics.head import expression_distance, gaze_error, nme, pose_distance
from megactor.metrics.identity import color_difference, face_colors, portrait_lead
from megactor.metrics.lpips import Lpips
from megactor.metrics.motion import amplitudes, correlations, find_faces, follows, found_rate, performance
from megactor.metrics.perceptual import PerceptualDistance
from megactor.metrics.pictures import l1, ms_ssim, psnr, ssim
from megactor.metrics.stability import beside_person, drift, flicker, jitter

_FACE_SQUARE, _LPIPS_SIDE, _PERCEPTUAL_SIDE = 1.2, 128, 224
"""For distances of the face: side of the square in faces, from forehead to chin, and in pixels."""

_PERCEIVED = 16
"""Frames of a clip whose perceptual distance is measured: one takes 40 ms of a core."""

_EMBEDDED = 8
"""Frames of a clip whose face is embedded: one takes half a second of a core."""


class Judge:
    """Measures results of one case; what all of them are held against is read once.

    Args:
        case: with portrait, driver and, where there are, true frames.
        analyzer: reads faces.
        lpips: the network of that metric, or None where it is not measured.
        embedding: tells people apart, or None.
        perceptual: the network of the perceptual distance, or None.
    """

    def __init__(
        self,
        case: Case,
        analyzer: FaceAnalyzer,
        lpips: Lpips | None = None,
        embedding: FaceEmbedding | None = None,
        perceptual: PerceptualDistance | None = None,
    ) -> None:
        self._case, self._analyzer = case, analyzer
        self._lpips, self._embedding, self._perceptual = lpips, embedding, perceptual

    def metrics(self, result: np.ndarray) -> dict[str, float]:
        """Name -> value, NaN where the case has none.

        Args:
            result: uint8 (F, S, S, 3). The case's own true frames are not compared with themselves.
        """
        case = self._case
        faces = find_faces(self._analyzer, result)
        metrics = {
            "found": found_rate(faces),
            "flicker": flicker(result, case.background),
            "drift": drift(result, case.background),
        }
        metrics |= self._identity_metrics(result, faces) | self._rendered_metrics(faces) | self._amplitudes(faces)
        if case.truth is None:
            metrics["beside_head"] = beside_person(result, case.portrait, self._people(result), self._portrait_person)
        if result is not case.truth:
            metrics |= self._motion_metrics(faces)
            if case.truth is not None:
                metrics |= self._picture_metrics(result, case.truth)
                metrics["nme"] = nme(faces, self._reference, self._portrait_face)
        return metrics

    @cached_property
    def _portrait_person(self) -> np.ndarray:
        return np.asarray(self._people([self._case.portrait])[0])

    def _people(self, frames: Iterable[np.ndarray]) -> np.ndarray:
        """(F, S, S) bool."""
        return np.stack([self._analyzer.foreground(frame) >= 0.5 for frame in frames])

    @cached_property
    def _driver_faces(self) -> list[Face | None]:
        return find_faces(self._analyzer, self._case.driver)

    @cached_property
    def _reference(self) -> list[Face | None]:
        """What results should do: the truth, or else the driver."""
        if self._case.truth is None or self._case.truth is self._case.driver:
            return self._driver_faces
        return find_faces(self._analyzer, self._case.truth)

    def _picture_metrics(self, result: np.ndarray, truth: np.ndarray) -> dict[str, float]:
        """All but the first frame, which is the portrait."""
        made, true = result[1:], truth[1:]
        own = _mean_of(psnr, made, true)
        metrics = {
            "psnr": own,
            "psnr_gain": own - _mean_of(psnr, np.broadcast_to(self._case.portrait, true.shape), true),
            "ssim": _mean_of(ssim, made, true),
            "ms_ssim": _mean_of(ms_ssim, made, true),
            "l1": _mean_of(l1, made, true),
        }
        if self._case.regions is not None:
            regions = {name: mask[1:] for name, mask in self._case.regions.items()}
            metrics |= region_metrics(made, true, regions)
        if self._lpips is not None:
            metrics["lpips"] = _mean_of(self._lpips, made, true)
            squares = (_face_squares(frames, self._reference[1:], _LPIPS_SIDE) for frames in (made, true))
            metrics["lpips_face"] = _mean_of(self._lpips, *squares)
        if self._perceptual is not None:
            shown = [index for index, face in enumerate(self._reference[1:]) if face is not None]
            chosen = [shown[index] for index in _spread(len(shown), _PERCEIVED)]
            faces = [self._reference[1:][index] for index in chosen]
            squares = (_face_squares(frames[chosen], faces, _PERCEPTUAL_SIDE) for frames in (made, true))
            with torch.inference_mode():
                metrics["perceptual_face"] = _mean_of(self._perceptual, *squares)
        return metrics

    def _motion_metrics(self, faces: list[Face | None]) -> dict[str, float]:
        """Against the truth, or else the driver, read by the same analyzer."""
        r = follows(performance(faces), performance(self._reference))
        others = (faces, self._reference, self._portrait_face)
        own = jitter(self._reference)
        return {
            "aed": expression_distance(*others),
            "apd": pose_distance(*others),
            "gaze_error": gaze_error(*others),
            "jitter": jitter(faces) / own if own > 0 else float("nan"),
        } | {f"r_{name}": value for name, value in r.items()}

    def _amplitudes(self, faces: list[Face | None]) -> dict[str, float]:
        """Against the driver, whatever the truth: the true frames, too, move more or less than another person does."""
        ratios = amplitudes(performance(faces), performance(self._driver_faces))
        return {f"amplitude_{name}": value for name, value in ratios.items()}

    def _rendered_metrics(self, faces: list[Face | None]) -> dict[str, float]:
        """The analyzer's measures of the result with what the renderer knows, where the truth moves visibly."""
        if self._case.rendered is None:
            return {}
        reference = performance(self._reference)
        moving = follows(reference, reference)
        rendered = correlations(performance(faces), self._case.rendered)
        return {
            f"r_{name}_rendered": float("nan") if np.isnan(moving[name]) else value for name, value in rendered.items()
        }

    @cached_property
    def _portrait_colors(self) -> np.ndarray:
        return self._colors(self._case.portrait, self._portrait_face, self._case.landmarks[0])

    @cached_property
    def _portrait_face(self) -> Face | None:
        return find_faces(self._analyzer, [self._case.portrait])[0]

    @cached_property
    def _driver_colors(self) -> np.ndarray:
        """Of the driver in the portrait's pose."""
        index = like_portrait(self._portrait_face, self._driver_faces, self._case.first_is_portrait)
        face = None if index is None else self._driver_faces[index]
        return self._colors(self._case.driver[(index or 0)], face, self._case.landmarks[1])

    @staticmethod
    def _colors(picture: np.ndarray, face: Face | None, landmarks68: np.ndarray) -> np.ndarray:
        return face_colors(picture, face.landmarks68 if face else landmarks68)

    def _identity_metrics(self, result: np.ndarray, faces: list[Face | None]) -> dict[str, float]:
        """Of all frames with a face but the first, which may be the portrait itself.

        Where the result shows no face, its colors are read where one should be.
        """
        places = [face or wanted for face, wanted in zip(faces, self._reference, strict=True)]
        colors = [
            None if place is None else face_colors(frame, place.landmarks68)
            for frame, place in zip(result, places, strict=True)
        ][1:]
        differences = [color_difference(found, self._portrait_colors) for found in colors if found is not None]
        metrics = {"identity_difference": float(np.mean(differences)) if differences else float("nan")}
        if self._case.key.cross:
            leads = portrait_lead(colors, self._portrait_colors, self._driver_colors)
            known = leads[np.isfinite(leads)]
            metrics["identity_lead"] = float(known.mean()) if len(known) else float("nan")
            metrics["identity"] = float(known.mean() > 0) if len(known) else float("nan")
        if self._embedding is not None:
            metrics["face_distance"] = self._face_distance(self._embedding, result[1:], places[1:])
        return metrics

    def _face_distance(self, embedding: FaceEmbedding, frames: np.ndarray, places: list[Face | None]) -> float:
        """To the portrait, mean over a few frames; NaN without a face."""
        shown = [(frame, place.landmarks68) for frame, place in zip(frames, places, strict=True) if place is not None]
        chosen = _spread(len(shown), _EMBEDDED)
        portrait = self._portrait_face.landmarks68 if self._portrait_face else self._case.landmarks[0]
        wanted = embedding(self._case.portrait, portrait)
        distances = [np.linalg.norm(embedding(*shown[index]) - wanted) for index in chosen]
        return float(np.mean(distances)) if distances else float("nan")


def _spread(count: int, most: int) -> list[int]:
    """At most so many numbers below `count`, from the first to the last."""
    return np.unique(np.linspace(0, count - 1, most).round().astype(int)).tolist() if count else []


def _face_squares(frames: np.ndarray, faces: Sequence[Face | None], pixels: int) -> np.ndarray:
    """(N, T, T, 3) uint8, T = `pixels`, of the frames that have a face."""
    squares = [np.zeros((0, pixels, pixels, 3), np.uint8)]
    for frame, face in zip(frames, faces, strict=True):
        if face is not None:
            side = _FACE_SQUARE * float(face_size(face.box))
            x, y = face_center(face.box) - side / 2
            squares.append(crop_and_resize(frame, CropBox(x, y, side), pixels, repeat_border=True)[None])
    return np.concatenate(squares)


def _mean_of(metric: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], made: np.ndarray, true: np.ndarray) -> float:
    """Over uint8 frames (F, S, S, 3), a few at a time; NaN without any."""
    values = [metric(_tensor(made[i : i + 8]), _tensor(true[i : i + 8])) for i in range(0, len(made), 8)]
    return float(torch.cat(values).mean()) if values else float("nan")


def _tensor(frames: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2).float() / 255
