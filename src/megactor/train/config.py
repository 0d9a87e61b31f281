"""What a training run is told: a YAML file with these fields, nothing else. Unknown names are errors."""

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Discriminator, Field, Tag, ValidationError, model_validator

from megactor.errors import InputError
from megactor.train.data_config import DataConfig, Positive, Share, StrictModel


class OptimizerConfig(StrictModel):
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


class KeypointsConfig(StrictModel):
    """KeypointNet: landmarks of targets and drivers in raw pixels."""

    kind: Literal["keypoints"]


class RefinerConfig(StrictModel):
    """KeypointRefiner: the same keypoints, in close-ups of eyes and mouth."""

    kind: Literal["refiner"]


class RetargeterConfig(StrictModel):
    """KeypointRetargeter: landmarks of portrait and driver, with the errors of a finder, to those of the target."""

    kind: Literal["retargeter"]


class BodyConfig(StrictModel):
    """BodyMotion alone: where the chest goes, out of a face's keypoints with the errors of a finder."""

    kind: Literal["body"]


class MotionConfig(StrictModel):
    """The motion UNet: true flow and visibility. Keypoints and retargeter stay as they are."""

    kind: Literal["motion"]


class CloseUpConfig(StrictModel):
    """CloseUpNet: eyes and mouth out of the portrait's pixels.

    Attributes:
        adversarial: weight of a critic's opinion, see `tasks.critic`; 0 trains without one.
        perceptual: weight of the close-ups' perceptual distance, see `metrics.perceptual`; 0 does without.
    """

    kind: Literal["close_up"]
    adversarial: Annotated[float, Field(ge=0)] = 0.0
    perceptual: Annotated[float, Field(ge=0)] = 0.0


class AnimationConfig(StrictModel):
    """Denoiser, ReferenceNet, PoseGuider and background encoder in training.

    Attributes:
        train: which networks learn: "unet" (all but its motion modules), "motion_modules", "reference_net",
            "pose_guider", "image_encoder", "dense_motion" (its UNet, which the true motion goes on teaching).
        target_latents: of the frames to make: the "mean" of the image codec's posterior, or a "sample" (official).
        validation_guidance: guidance scale with which validation samples; 1 for none.
    """

    train: tuple[
        Literal["unet", "motion_modules", "reference_net", "pose_guider", "image_encoder", "dense_motion"], ...
    ]
    target_latents: Literal["mean", "sample"] = "mean"
    validation_guidance: Annotated[float, Field(ge=0)] = 1.0


class DiffusionConfig(AnimationConfig):
    """The method itself.

    Attributes:
        loss: "prediction", squared error of the scheduler's target; or "pictures", absolute and squared error and
            gradients of the decoded frames with eyes and mouth weighted, for codecs that are cheap to decode.
        without_reference: how likely a step trains the unconditional prediction, which does not see the portrait.
        offset_noise: strength of the offset; see `training_noise`.
        pure_noise: how likely the timestep is the last one, where sampling starts; else it is any. Models that sample
            in one or two steps do most of their work there.
        adversarial: weight of a critic's opinion of decoded frames, see `tasks.critic`; 0 trains without one.
        perceptual: weight of the decoded frames' perceptual distance, see `metrics.perceptual`; 0 does without. At
            0.03 its gradients are about as large as those of the other errors of pictures.
        changes: weight of the error of changes from frame to frame, for clips; 0 looks at frames one by one.
        told_truth: share of the samples in which the denoiser is told what the portrait truly shows, in place of what
            the motion network thinks; for models with one, and clips whose motion is known.
        hidden: so much heavier do errors of decoded frames count where the portrait does not show the person; likewise.
    """

    kind: Literal["diffusion"]
    loss: Literal["prediction", "pictures"] = "prediction"
    adversarial: Annotated[float, Field(ge=0)] = 0.0
    perceptual: Annotated[float, Field(ge=0)] = 0.0
    changes: Annotated[float, Field(ge=0)] = 0.0
    told_truth: Share = 0.0
    hidden: Annotated[float, Field(ge=0)] = 0.0
    without_reference: Share = 0.1
    offset_noise: Annotated[float, Field(ge=0)] = 0.1
    pure_noise: Share = 0.0

    @model_validator(mode="after")
    def _judges_of_pictures(self) -> "DiffusionConfig":
        for name in ("adversarial", "perceptual", "changes", "hidden"):
            if getattr(self, name) and self.loss != "pictures":
                raise ValueError(f"{name} needs loss: pictures")
        return self


class DistillationConfig(AnimationConfig):
    """A student that needs few steps and no guidance; the model it starts from is the teacher.

    Attributes:
        steps: the student's; its model samples in so many by default.
        teacher_steps: of the teacher, for each of the student's.
        guidance: guidance scale of the teacher, which the student learns along; 1 for none.
    """

    kind: Literal["distillation"]
    steps: Positive = 4
    teacher_steps: Positive = 4
    guidance: Annotated[float, Field(ge=0)] = 3.5


class StartConfig(StrictModel):
    """Public models that a run starts from, each part from one; what none of them has is new.

    Attributes:
        unet: denoiser: folder of Stable Diffusion 1.5 in diffusers' layout, or a checkpoint in the original one.
        model: or a model folder, parts of which the others replace.
        reference: ReferenceNet: the same, or MagicAnimate's appearance_encoder; None takes `unet`.
        motion: motion modules: a file of AnimateDiff such as v3_sd15_mm.ckpt, or the folder of a MotionAdapter; None
            leaves them identities until they learn.
        background_encoder: folder of CLIP, its vision model at least.
        vae: image codec, folder of diffusers; None takes the one in the folder of `unet`.
    """

    unet: str | None = None
    model: str | None = None
    reference: str | None = None
    motion: str | None = None
    background_encoder: str | None = None
    vae: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> "StartConfig":
        if (self.unet is None) == (self.model is None):
            raise ValueError("name either unet or model")
        if self.unet is not None and self.background_encoder is None:
            raise ValueError("a start from unet needs a background_encoder, a folder of CLIP's vision model")
        if self.model is not None and self.vae is not None:
            raise ValueError("a model has its image codec: leave vae out")
        return self


Init = Annotated[
    Annotated[str, Tag("model")] | Annotated[StartConfig, Tag("start")],
    Discriminator(lambda value: "model" if isinstance(value, str) else "start"),
]

Task = Annotated[
    KeypointsConfig
    | RefinerConfig
    | RetargeterConfig
    | BodyConfig
    | MotionConfig
    | CloseUpConfig
    | DiffusionConfig
    | DistillationConfig,
    Field(discriminator="kind"),
]


class TrainConfig(StrictModel):
    """One training run.

    Attributes:
        preset: "nano" or "sd15", to start from random weights.
        init: or a model to start from: the folder `model` of an earlier run, or "nano" for the packaged weights; or
            several public ones.
        parts: networks, or parts of them, to take from other models: such as dense_motion.unet: nano.
        task: what learns, and how.
        data: what it learns from.
        optimizer: how fast.
        steps: optimizer steps.
        seed: of weights, samples and noise.
        precision: "bf16" and "fp16" are autocast; weights stay float32.
        gradient_checkpointing: computes activations twice to save memory.
        fully_shard: several processes share what learns, its gradients and the optimizer's state out (PyTorch's
            fully_shard) instead of having a copy each: less memory, more traffic. Without compile and fp16.
        compile: torch.compile for blocks of networks: a few minutes at the start, then faster. Rounds differently.
        save_every: steps between checkpoints.
        keep: checkpoints that are kept.
        validate_every: steps between validations.
        validation_clips: clips that validation looks at: rendered ones, from seeds that training never sees, where
            the config renders any; else from `validation_shards`.
        validation_shards: pattern of shards that were kept back.
    """

    preset: Literal["nano", "sd15"] | None = None
    init: Init | None = None
    parts: dict[str, str] = Field(default_factory=dict)
    task: Task
    data: DataConfig
    optimizer: OptimizerConfig
    steps: Positive
    seed: Annotated[int, Field(ge=0)] = 0
    precision: Literal["fp32", "bf16", "fp16"] = "bf16"
    gradient_checkpointing: bool = False
    fully_shard: bool = False
    compile: bool = False
    save_every: Positive = 200
    keep: Positive = 2
    validate_every: Positive = 500
    validation_clips: Annotated[int, Field(ge=0)] = 16
    validation_shards: str | None = None

    @model_validator(mode="after")
    def _changes_of_clips(self) -> "TrainConfig":
        if isinstance(self.task, DiffusionConfig) and self.task.changes and self.data.frames < 2:
            raise ValueError("task.changes needs data.frames of 2 or more")
        return self

    @model_validator(mode="after")
    def _something_to_look_at(self) -> "TrainConfig":
        if not self.data.pictures and not isinstance(self.task, RetargeterConfig):
            raise ValueError(f"the task {self.task.kind} needs data.pictures")
        return self

    @model_validator(mode="after")
    def _shards_alone(self) -> "TrainConfig":
        if self.fully_shard and (self.compile or self.precision == "fp16"):
            raise ValueError("fully_shard goes without compile and with precision bf16 or fp32")
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
    union = error["loc"][:1] in (("task",), ("init",))
    return ".".join(str(part) for number, part in enumerate(error["loc"]) if not (union and number == 1)) or "config"
