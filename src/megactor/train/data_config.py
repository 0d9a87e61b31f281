"""Where training samples come from and what is in them: the part `data` of a recipe."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from megactor.synth.clips.variety import TRAINING

VALIDATION_SEED = 1_800_000_000
"""Rendered clips from this seed on are for validation; those of SynthBench come after them."""

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(gt=0)]


class StrictModel(BaseModel):
    """Unknown names are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class RenderedConfig(StrictModel):
    """Clips that `megactor.synth` renders when they are first needed.

    Attributes:
        clips: how many different ones.
        frames: of a clip.
        fps: frames a second.
        sources: frames of a clip that may be the portrait; the true motion from each is kept.
        first_seed: of the first clip.
        framing_jitter: how far the twins' cameras differ.
        talking: share of the clips in which people talk with a still head, as in real videos; in the others they pull
            faces and turn their heads.
        details: share in which people have teeth, wrinkles and jewelry of their own.
        blurred: share in which what moves is blurred.
        shaken: share that are filmed by hand.
        repeated: share in which frames come twice.
        reuse: None: every sample draws from all clips. Else new clips come in as training goes on: sample n draws
            from the `clips` clips from number n / reuse on, so that each is seen about `reuse` times.
        cache: folder where rendered clips are kept; runs with the same clips share it.
        rig: rig file; None for $MEGACTOR_RIG or the installed one.
        weight: how often a sample comes from here, relative to other sources.
    """

    clips: Positive = 2000
    frames: Positive = 16
    fps: Annotated[float, Field(gt=0)] = 8.0
    sources: Positive = 2
    first_seed: Annotated[int, Field(ge=0)] = 0
    framing_jitter: Annotated[float, Field(ge=0)] = 0.0
    talking: Share = TRAINING.talking
    details: Share = TRAINING.details
    blurred: Share = TRAINING.blurred
    shaken: Share = TRAINING.shaken
    repeated: Share = TRAINING.repeated
    reuse: Annotated[float, Field(gt=0)] | None = None
    cache: Path = Path("runs/clips")
    rig: Path | None = None
    weight: Annotated[float, Field(gt=0)] = 1.0

    @model_validator(mode="after")
    def _seeds_kept_back(self) -> "RenderedConfig":
        if self.first_seed + self.clips > VALIDATION_SEED:
            raise ValueError(f"seeds from {VALIDATION_SEED} on are kept for validation and tests")
        return self


class ShardsConfig(StrictModel):
    """Clips on disk in the layout of docs/data-format.md, rendered or curated.

    Attributes:
        urls: files or URLs that fsspec opens, with braces or wildcards: data/clips-{000000..000099}.tar. Samples are
            read in random order, so remote shards want a local copy: filecache::https://host/clips-000000.tar.
        weight: how often a sample comes from here, relative to other sources.
    """

    urls: str
    weight: Annotated[float, Field(gt=0)] = 1.0


class AugmentConfig(StrictModel):
    """How likely pictures are changed at random; see `augment` and `samples`.

    Attributes:
        mirror: left and right of all streams together.
        crop: a part of the picture, the same in all streams.
        apart: a part of the picture, another one in the portrait than in the frames to make: the whole person is
            elsewhere, and larger or smaller.
        recolor: portrait and target together.
        finish: portrait and target together are toned, faded, black and white, on paper or canvas; the driver as
            often, in a way of its own.
        overlay: something lies on portrait and target beside the face, and stays where it is.
        driver_jitter: the driver is turned, zoomed and shifted a little.
        driver_warp: other proportions for the driver, the official augmentation.
        driver_recolor: brightness, contrast and focus of the driver.
        box_jitter: standard deviation of the edges of the driver's face box, in faces.
    """

    mirror: Share = 0.5
    crop: Share = 0.0
    apart: Share = 0.0
    recolor: Share = 0.3
    finish: Share = 0.0
    overlay: Share = 0.0
    driver_jitter: Share = 0.5
    driver_warp: Share = 0.0
    driver_recolor: Share = 0.5
    box_jitter: Annotated[float, Field(ge=0)] = 0.03


class DataConfig(StrictModel):
    """Where samples come from and what is in one.

    Attributes:
        size: S, side of the pictures.
        frames: F, frames of a sample.
        stride: frames are this far apart in the clip; None takes any frames, in order.
        twin: how likely the driver is a twin; else it is the target itself.
        mask: whose face says which part of a driver is kept: "driver", its own, as it is after random changes; or
            "target" (official), before them.
        pictures: False: samples are landmarks only, read in no time and not changed at random; for the retargeter,
            which looks at nothing else.
        known_motion: portraits are frames from which the true motion is known, where there are such.
        strongest: only this share of all clips, those with the strongest expression and gaze.
        rendered: clips to be rendered.
        shards: clips on disk.
        layers: whether samples tell the true mattes and plates of portrait and targets, which rendered clips know.
        augment: random changes.
        workers: processes that prepare samples, for each training process; 0 prepares them in between.
    """

    size: Positive
    frames: Positive = 1
    stride: Positive | None = None
    twin: Share = 0.85
    mask: Literal["driver", "target"] = "driver"
    pictures: bool = True
    known_motion: bool = True
    strongest: Annotated[float, Field(gt=0, le=1)] = 1.0
    rendered: RenderedConfig | None = None
    shards: tuple[ShardsConfig, ...] = ()
    layers: bool = False
    augment: AugmentConfig = AugmentConfig()
    workers: Annotated[int, Field(ge=0)] = 1

    @model_validator(mode="after")
    def _some_source(self) -> "DataConfig":
        if self.rendered is None and not self.shards:
            raise ValueError("name a source: rendered or shards")
        return self
