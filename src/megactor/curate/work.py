"""What one worker process does with one source or one clip: never an exception, always a record."""

import base64
import io
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from megactor.curate.clip import ClipPlan, CuratedClip, curate_clip, find_clips
from megactor.curate.filter import REASONS
from megactor.curate.settings import CurationSettings
from megactor.curate.sources import Source
from megactor.curate.store import ATTEMPTS, Store
from megactor.curate.write import write_part
from megactor.errors import InputError, OutputError, one_line
from megactor.faces.analyzer import FaceAnalyzer, create_analyzer

_STRIP_HEIGHT = 80

RayRow = Mapping[str, Any]


class SourceWorker:
    """Cuts sources into stretches.

    Args:
        folder: of the shards.
        run: name of the run.
        settings: of the run.
    """

    def __init__(self, folder: Path, run: str, settings: CurationSettings) -> None:
        _one_thread()
        self._store, self._settings = Store(folder, run), settings

    def __call__(self, row: RayRow) -> dict[str, str]:
        """Writes the record of the source in `row`; returns what to report."""
        source = Source.from_dict(row["job"])
        base: dict[str, Any] = {"source": source.to_dict(), "clips": [], "detail": "", "seconds": {}}

        def cut() -> dict[str, Any]:
            start = time.perf_counter()
            plans, reason = find_clips(source, self._settings)
            clips = [[plan.first, plan.last] for plan in plans]
            return {"reason": reason, "clips": clips, "seconds": {"shots": round(time.perf_counter() - start, 4)}}

        return _guarded(
            self._store, source, source.key, cut, lambda record: self._store.write_source(source.key, base | record)
        )


class ClipWorker:
    """Curates clips; holds the face analyzer and what makes twins.

    Args:
        folder: of the shards.
        run: name of the run.
        settings: of the run.
        twins: names of the backends.
        donors: folder of portraits that lend their faces, or None for the ones that come with the backends.
    """

    def __init__(
        self, folder: Path, run: str, settings: CurationSettings, twins: Sequence[str] = (), donors: Path | None = None
    ) -> None:
        _one_thread()
        self._store, self._settings = Store(folder, run), settings
        self._analyzer: FaceAnalyzer = create_analyzer()
        self._backends = None
        if twins:
            from megactor.curate.twins.make import backends_from_names

            self._backends = backends_from_names(twins, donors)

    def __call__(self, row: RayRow) -> dict[str, str]:
        """Writes the record, and the files if it is kept, of the clip in `row`; returns what to report."""
        plan = ClipPlan.from_dict(row["job"])
        base: dict[str, Any] = {"key": plan.key, "plan": plan.to_dict(), "detail": "", "found": {}, "seconds": {}}

        def curate() -> dict[str, Any]:
            clip = curate_clip(plan, self._settings, self._analyzer, self._backends)
            record = _clip_record(clip)
            if clip.reason is None:
                start = time.perf_counter()
                write_part(self._store, plan.key, clip, self._settings)
                record["seconds"]["encode"] = round(time.perf_counter() - start, 4)
            return record

        return _guarded(
            self._store, plan.source, plan.key, curate, lambda record: self._store.write_clip(plan.key, base | record)
        )


def _guarded(
    store: Store, source: Source, key: str, work: Callable[[], dict[str, Any]], write: Callable[[dict[str, Any]], None]
) -> dict[str, str]:
    """Does the work and writes its record, whatever happens; only a full disk or folder that vanished is fatal."""
    row = {"name": source.name, "reason": "", "detail": "", "fatal": ""}
    try:
        if store.begin(key) > ATTEMPTS:
            record: dict[str, Any] = {"reason": "crashed", "detail": f"the process died {ATTEMPTS} times"}
        else:
            record = _attempt(work)
        if store.is_current():
            write(record)
            store.end(key)
        return row | {"reason": record["reason"] or "", "detail": record.get("detail", "")}
    except (OutputError, OSError) as error:
        return row | {"fatal": str(error)}


def _attempt(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return work()
    except OutputError:
        raise
    except InputError as error:
        return {"reason": "unreadable", "detail": str(error)}
    except Exception as error:  # one bad clip must not stop a million others
        return {"reason": "failed", "detail": one_line(f"{type(error).__name__}: {error}")}


def _clip_record(clip: CuratedClip) -> dict[str, Any]:
    assert clip.reason is None or clip.reason in REASONS
    return {
        "reason": clip.reason,
        "detail": clip.detail,
        "found": {name: round(value, 5) if math.isfinite(value) else None for name, value in clip.found.items()},
        "seconds": {name: round(value, 4) for name, value in clip.seconds.items()},
        "twins": clip.twins,
        "frames": len(clip.pictures["target"]) if clip.pictures else 0,
        "signature": None if clip.signature is None else clip.signature.to_dict(),
        "strip": None if clip.strip is None else _jpeg(clip.strip),
    }


def _jpeg(strip: np.ndarray) -> str:
    """(H, W, 3) as a small JPEG in base64."""
    width = max(1, round(strip.shape[1] * _STRIP_HEIGHT / strip.shape[0]))
    small = cv2.resize(strip, (width, _STRIP_HEIGHT), interpolation=cv2.INTER_AREA)
    packed = io.BytesIO()
    Image.fromarray(small).save(packed, format="JPEG", quality=80)
    return base64.b64encode(packed.getvalue()).decode("ascii")


def _one_thread() -> None:
    """One process a core: threads of libraries would only fight for them. Ray sees to OMP_NUM_THREADS."""
    cv2.setNumThreads(1)
