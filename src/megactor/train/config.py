"""What a training run is told: a YAML file with these fields, nothing else. Unknown names are errors."""

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from megactor.errors import InputError

VALIDATION_SEED = 1_800_000_000
"""Rendered clips from this seed on are for validation; those of SynthBench come after them."""

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(gt=0)]


class _Config(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RenderedConfig(_Config):
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
    talking: Share = 0.5
    reuse: Annotated[float, Field(gt=0)] | None = None
    cache: Path = Path("runs/clips")
    rig: Path | None = None
    weight: Annotated[float, Field(gt=0)] = 1.0

    @model_validator(mode="after")
    def _seeds_kept_back(self) -> "RenderedConfig":
        if self.first_seed + self.clips > VALIDATION_SEED:
            raise ValueError(f"seeds from {VALIDATION_SEED} on are kept for validation and tests")
        return self


class ShardsConfig(_Config):
    """Clips on disk in the layout of docs/data-format.md, rendered or curated.

    Attributes:
        urls: files or URLs that fsspec opens, with braces or wildcards: data/clips-{000000..000099}.tar. Samples are
            read in random order, so remote shards want a local copy: filecache::https://host/clips-000000.tar.
        weight: how often a sample comes from here, relative to other sources.
    """

    urls: str
    weight: Annotated[float, Field(gt=0)] = 1.0


class AugmentConfig(_Config):
    """How likely pictures are changed at random; see `augment` and `samples`.

    Attributes:
        mirror: left and right of all streams together.
        crop: a part of the picture, the same in all streams.
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
    recolor: Share = 0.3
    finish: Share = 0.0
    overlay: Share = 0.0
    driver_jitter: Share = 0.5
    driver_warp: Share = 0.0
    driver_recolor: Share = 0.5
    box_jitter: Annotated[float, Field(ge=0)] = 0.03


class DataConfig(_Config):
    """Where samples come from and what is in one.

    Attributes:
        size: S, side of the pictures.
        frames: F, frames of a sample.
        stride: frames are this far apart in the clip; None takes any frames, in order.
        twin: how likely the driver is a twin; else it is the target itself.
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


class OptimizerConfig(_Config):
    """AdamW and what goes with it.

    Attributes:
        batch: samples of one step, over all processes.
        accumulation: backward passes that a step's samples are split into.
        learning_rate: highest one.
        schedule: after the warm-up: "constant", or "cosine" down to `final` of the highest.
        warmup: steps up to the highest.
        final: part of the highest learning rate at the last step.
        betas, weight_decay: of AdamW.
        max_grad_norm: gradients are scaled down to this norm.
        ema: decay of the moving average of the weights, which is what is kept; 0 keeps the last weights.
    """

    batch: Positive
    accumulation: Positive = 1
    learning_rate: Annotated[float, Field(gt=0)]
    schedule: Literal["constant", "cosine"] = "cosine"
    warmup: Annotated[int, Field(ge=0)] = 100
    final: Share = 0.01
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    max_grad_norm: Annotated[float, Field(gt=0)] = 1.0
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.998


class KeypointsConfig(_Config):
    """KeypointNet: landmarks of targets and drivers in raw pixels."""

    kind: Literal["keypoints"]


class RefinerConfig(_Config):
    """KeypointRefiner: the same keypoints, in close-ups of eyes and mouth."""

    kind: Literal["refiner"]


class RetargeterConfig(_Config):
    """KeypointRetargeter: landmarks of portrait and driver, with the errors of a finder, to those of the target."""

    kind: Literal["retargeter"]


class MotionConfig(_Config):
    """The motion UNet: true flow and visibility. Keypoints and retargeter stay as they are."""

    kind: Literal["motion"]


class CloseUpConfig(_Config):
    """CloseUpNet: eyes and mouth out of the portrait's pixels.

    Attributes:
        adversarial: weight of a critic's opinion, see `tasks.critic`; 0 trains without one.
    """

    kind: Literal["close_up"]
    adversarial: Annotated[float, Field(ge=0)] = 0.0


class AnimationConfig(_Config):
    """Denoiser, ReferenceNet, PoseGuider and background encoder in training.

    Attributes:
        train: which networks learn: "unet" (all but its motion modules), "motion_modules", "reference_net",
            "pose_guider", "image_encoder", "dense_motion" (its UNet, which the true motion goes on teaching).
    """

    train: tuple[
        Literal["unet", "motion_modules", "reference_net", "pose_guider", "image_encoder", "dense_motion"], ...
    ]


class DiffusionConfig(AnimationConfig):
    """The method itself.

    Attributes:
        loss: "prediction", squared error of the scheduler's target; or "pictures", absolute and squared error and
            gradients of the decoded frames with eyes and mouth weighted, for codecs that are cheap to decode.
        without_reference: how likely a step trains the half of guidance that does not see the portrait.
        offset_noise: strength of the offset; see `training_noise`.
        pure_noise: how likely the timestep is the last one, where sampling starts; else it is any. Models that sample
            in one or two steps do most of their work there.
        adversarial: weight of a critic's opinion of decoded frames, see `tasks.critic`; 0 trains without one.
    """

    kind: Literal["diffusion"]
    loss: Literal["prediction", "pictures"] = "prediction"
    adversarial: Annotated[float, Field(ge=0)] = 0.0
    without_reference: Share = 0.1
    offset_noise: Annotated[float, Field(ge=0)] = 0.1
    pure_noise: Share = 0.0

    @model_validator(mode="after")
    def _critic_of_pictures(self) -> "DiffusionConfig":
        if self.adversarial and self.loss != "pictures":
            raise ValueError("adversarial needs loss: pictures")
        return self


class DistillationConfig(AnimationConfig):
    """A student that needs few steps and no guidance; the model it starts from is the teacher.

    Attributes:
        steps: the student's; its model samples in so many by default.
        teacher_steps: of the teacher, for each of the student's.
        guidance: guidance scale of the teacher, which the student learns along; up to 1, none.
    """

    kind: Literal["distillation"]
    steps: Positive = 4
    teacher_steps: Positive = 4
    guidance: Annotated[float, Field(ge=0)] = 3.5


Task = Annotated[
    KeypointsConfig
    | RefinerConfig
    | RetargeterConfig
    | MotionConfig
    | CloseUpConfig
    | DiffusionConfig
    | DistillationConfig,
    Field(discriminator="kind"),
]


class TrainConfig(_Config):
    """One training run.

    Attributes:
        preset: "nano" or "sd15", to start from random weights.
        init: or a model to start from: the folder `model` of an earlier run, or "nano" for the packaged weights.
        parts: networks, or parts of them, to take from other models: such as dense_motion.unet: nano.
        task: what learns, and how.
        data: what it learns from.
        optimizer: how fast.
        steps: optimizer steps.
        seed: of weights, samples and noise.
        precision: "bf16" and "fp16" are autocast; weights stay float32.
        gradient_checkpointing: computes activations twice to save memory.
        compile: torch.compile for blocks of networks: a few minutes at the start, then faster. Rounds differently.
        save_every: steps between checkpoints.
        keep: checkpoints that are kept.
        validate_every: steps between validations.
        validation_clips: clips that validation looks at: rendered ones, from seeds that training never sees, where
            the config renders any; else from `validation_shards`.
        validation_shards: pattern of shards that were kept back.
    """

    preset: Literal["nano", "sd15"] | None = None
    init: str | None = None
    parts: dict[str, str] = {}
    task: Task
    data: DataConfig
    optimizer: OptimizerConfig
    steps: Positive
    seed: Annotated[int, Field(ge=0)] = 0
    precision: Literal["fp32", "bf16", "fp16"] = "bf16"
    gradient_checkpointing: bool = False
    compile: bool = False
    save_every: Positive = 200
    keep: Positive = 2
    validate_every: Positive = 500
    validation_clips: Annotated[int, Field(ge=0)] = 16
    validation_shards: str | None = None

    @model_validator(mode="after")
    def _something_to_look_at(self) -> "TrainConfig":
        if not self.data.pictures and not isinstance(self.task, RetargeterConfig):
            raise ValueError(f"the task {self.task.kind} needs data.pictures")
        return self

    @model_validator(mode="after")
    def _one_start(self) -> "TrainConfig":
        if (self.preset is None) == (self.init is None):
            raise ValueError("name either preset (random weights) or init (a model to start from)")
        return self


def load_config(path: Path, overrides: list[str] | None = None) -> TrainConfig:
    """Reads a YAML file.

    Args:
        path: of the file.
        overrides: "a.b=c" each: replaces one value; c is YAML.

    Raises:
        InputError: no such file, not YAML, unknown names, or values that make no sense.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise InputError(f"cannot read the config {path}: {reason}") from error
    if not isinstance(values, dict):
        raise InputError(f"{path} is no config: a YAML mapping is needed")
    for override in overrides or []:
        _set(values, override)
    try:
        return TrainConfig.model_validate(values)
    except ValidationError as error:
        first, *others = error.errors()
        more = f" (and {len(others)} more)" if others else ""
        raise InputError(f"{path}: {_place(first)}: {first['msg']}{more}") from error


def _set(values: dict[str, Any], override: str) -> None:
    name, equals, text = override.partition("=")
    if not equals:
        raise InputError(f"--set {override}: write it as name=value, such as --set optimizer.batch=8")
    *parents, last = name.split(".")
    inner: Any = values
    for parent in parents:
        inner = inner.setdefault(parent, {}) if isinstance(inner, dict) else None
    if not isinstance(inner, dict):
        raise InputError(f"--set {override}: {'.'.join(parents)} is a value and has no fields")
    try:
        inner[last] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(f"--set {override}: the value is not YAML") from error


def _place(error: Any) -> str:
    # pydantic names the chosen member of a union as one more step of the way
    kinds = {"keypoints", "refiner", "retargeter", "motion", "close_up", "diffusion", "distillation"}
    return ".".join(str(part) for part in error["loc"] if part not in kinds) or "config"
