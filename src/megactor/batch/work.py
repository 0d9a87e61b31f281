"""What one worker process does with one pair: never an exception, always a record."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

from megactor.batch.pairs import Pair, checked_options
from megactor.batch.store import ATTEMPTS, Store, stamps
from megactor.errors import MegActorError, ModelError, OutputError, explain
from megactor.media.signing import Signature
from megactor.pipeline import MegActorPipeline

DIED = (
    f"the process that made it died {ATTEMPTS} times: out of memory, perhaps; choose a smaller size or a shorter part"
)


class PairWorker:
    """Animates pairs; the model is loaded at the first one and stays.

    Args:
        folder: of the results.
        run: name of the run.
        model: as `MegActorPipeline.from_preset` takes it; so are `device` and `dtype`.
        device: likewise.
        dtype: likewise.
        sign: files of certificates and key, or None.
    """

    def __init__(
        self, folder: str, run: str, model: str, device: str, dtype: str, sign: tuple[str, str] | None = None
    ) -> None:
        self._store = Store(Path(folder), run)
        self._model, self._device, self._dtype, self._sign = model, device, dtype, sign

    @cached_property
    def _pipeline(self) -> MegActorPipeline:
        return MegActorPipeline.from_preset(self._model, device=self._device, dtype=self._dtype)

    @cached_property
    def _signature(self) -> Signature | None:
        return None if self._sign is None else Signature.load(*self._sign)

    def __call__(self, row: Mapping[str, Any]) -> dict[str, str]:
        """Makes the pair in `row["job"]`; "fatal" is what would keep every other pair from being made, too."""
        pair = Pair(**row["job"])
        try:
            if self._store.begin(pair) > ATTEMPTS:
                record: dict[str, Any] = {"error": DIED}
            else:
                record = self._made(pair)
            if self._store.is_current():
                self._store.write(pair, {"files": stamps(pair), **record})
                self._store.end(pair)
            return {"output": pair.output, "error": record["error"], "fatal": ""}
        except (MegActorError, OSError) as error:
            return {"output": pair.output, "error": "", "fatal": explain(error)}

    def _made(self, pair: Pair) -> dict[str, Any]:
        started = time.monotonic()
        pipeline, signature = self._pipeline, self._signature
        try:
            options, audio = checked_options(pair.options)
            result = pipeline(pair.portrait, pair.driving, **asdict(options))
            result.save(self._store.folder / pair.output, audio=audio, force=True, signature=signature)
        except (ModelError, OutputError):
            raise
        except Exception as error:  # one bad pair must not stop the others
            return {"error": explain(error)}
        width, height = result.size
        return {
            "error": "",
            "warnings": result.warnings,
            "frames": result.frame_count,
            "width": width,
            "height": height,
            "fps": round(float(result.fps), 3),
            "seconds": round(time.monotonic() - started, 2),
        }
