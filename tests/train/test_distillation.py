"""A student that does in one step what its teacher does in several."""

import pytest
import torch
from command_line import megactor
from tiny_model import tiny_official_pipeline, tiny_pipeline
from train.fake_shards import SIZE

from megactor.bench.training import noise_batch
from megactor.pipeline import MegActorPipeline
from megactor.train.build import build_task
from megactor.train.config import TrainConfig
from megactor.train.networks import load_networks
from megactor.train.tasks.distillation import DistillationTask


@pytest.fixture(params=["sample", "epsilon", "v_prediction"])
def model(request, tmp_path):
    pipe = tiny_pipeline() if request.param == "sample" else tiny_official_pipeline()
    pipe.scheduler.register_to_config(prediction_type=request.param)
    pipe.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def task_of(model, **changes) -> tuple[DistillationTask, dict[str, torch.Tensor]]:
    task = {"kind": "distillation", "train": ["unet"], "steps": 4, "teacher_steps": 1, "guidance": 1.0} | changes
    config = TrainConfig(
        init=str(model),
        task=task,
        data={"size": SIZE, "frames": 2, "shards": [{"urls": "none.tar"}]},
        optimizer={"batch": 4, "learning_rate": 1e-3},
        steps=1,
    )
    built = build_task(config, load_networks(str(model)))
    assert isinstance(built, DistillationTask)
    return built, noise_batch(config, 4)


def test_who_takes_the_same_steps_has_nothing_to_learn(model):
    task, batch = task_of(model)
    assert task(batch, 0)["loss"].detach() < 1e-6


def test_more_steps_and_guidance_are_something_to_learn(model):
    for changes in ({"teacher_steps": 3}, {"guidance": 2.0}):
        task, batch = task_of(model, **changes)
        loss = task(batch, 0)["loss"]
        assert loss.detach() > 1e-6
        loss.backward()
        assert all(weight.grad is None for weight in task.teacher_unet.parameters())
        assert task.unet.conv_out.weight.grad.abs().max() > 0


@torch.no_grad()
def test_the_target_takes_ddim_where_the_teacher_went(model):
    task, _ = task_of(model)
    generator = torch.Generator().manual_seed(0)
    noisy, moved = (torch.randn(4, 4, 2, 3, 3, generator=generator) for _ in range(2))
    schedule = task.scheduler
    schedule.register_to_config(prediction_type="sample")
    schedule.set_timesteps(4)
    start, end = schedule.timesteps, torch.tensor([*schedule.timesteps[1:], -1])
    target = task._one_step_target(noisy, moved, start, end)
    for item, timestep in enumerate(schedule.timesteps):
        there = schedule.step(target[item], timestep, noisy[item]).prev_sample
        torch.testing.assert_close(there, moved[item], atol=1e-4, rtol=1e-4)


def test_the_student_is_a_model_of_few_steps(recipe, tmp_path):
    task = {"kind": "distillation", "train": ["unet", "motion_modules"], "steps": 2, "teacher_steps": 2}
    outcome = megactor("train", recipe(task=task, steps=2, validation_clips=1), "-o", tmp_path / "run", "--cpu")
    assert outcome.code == 0, outcome
    student = MegActorPipeline.from_pretrained(tmp_path / "run" / "model")
    assert student.config.default_steps == 2 and student.config.default_guidance == 1.0
    student.scheduler.set_timesteps(2)
    assert student.scheduler.timesteps.tolist() == [999, 499]
