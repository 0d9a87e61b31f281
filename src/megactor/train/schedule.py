"""The learning rate as a pure function of the step."""

import math

from megactor.train.config import OptimizerConfig


def learning_rate(config: OptimizerConfig, step: int, steps: int) -> float:
    """Learning rate of step `step` of `steps`, counted from 0: warm-up, then constant or half a cosine."""
    rate = config.learning_rate
    if step < config.warmup:
        return rate * (step + 1) / config.warmup
    if config.schedule == "constant":
        return rate
    done = (step - config.warmup) / max(1, steps - config.warmup)
    return rate * (config.final + (1 - config.final) * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))
