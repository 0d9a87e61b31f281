"""Samples that training never sees, always the same ones."""

from collections.abc import Iterator

from megactor.train.config import TrainConfig
from megactor.train.data_config import VALIDATION_SEED, AugmentConfig, DataConfig, ShardsConfig
from megactor.train.dataset import Samples
from megactor.train.samples import Batch, collate

_PLAIN = AugmentConfig(mirror=0, crop=0, recolor=0, driver_jitter=0, driver_warp=0, driver_recolor=0, box_jitter=0)


def validation_data(config: TrainConfig) -> DataConfig | None:
    """Where validation samples come from, or None where nothing was kept back."""
    data = config.data
    plain = {"augment": _PLAIN, "twin": 1.0, "strongest": 1.0, "workers": 0}
    if data.rendered is not None:
        # one clip to draw from, and the next one for every sample
        seeds = {"first_seed": VALIDATION_SEED, "clips": 1, "reuse": 1.0}
        rendered = data.rendered.model_construct(**(dict(data.rendered) | seeds))
        return data.model_copy(update=plain | {"rendered": rendered, "shards": ()})
    if config.validation_shards is not None:
        return data.model_copy(update=plain | {"shards": (ShardsConfig(urls=config.validation_shards),)})
    return None


def validation_batch(config: TrainConfig) -> Batch | None:
    """All validation samples as one batch, or None where there are none."""
    data = validation_data(config)
    if data is None or config.validation_clips == 0:
        return None
    samples = Samples(data, seed=0)
    return collate([samples[number] for number in range(config.validation_clips)])


def parts(batch: Batch, size: int) -> Iterator[Batch]:
    """The batch in pieces of at most `size` samples."""
    for start in range(0, len(batch["number"]), size):
        yield {name: tensor[start : start + size] for name, tensor in batch.items()}
