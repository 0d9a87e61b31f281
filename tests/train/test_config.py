from pathlib import Path

import pytest

from megactor.errors import InputError
from megactor.train.config import load_config
from megactor.train.data_config import VALIDATION_SEED

RECIPES = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_is_valid(path):
    config = load_config(path)
    assert config.steps > 0 and config.data.size in (128, 256, 512)


def test_changes_replace_single_values():
    path = RECIPES[0]
    before = load_config(path)
    config = load_config(path, ["optimizer.batch=7", "data.rendered.cache=/elsewhere", "seed=3"])
    assert (config.optimizer.batch, config.seed, config.data.rendered.cache) == (7, 3, Path("/elsewhere"))
    assert config.optimizer.learning_rate == before.optimizer.learning_rate


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("stepz=3", "stepz"),
        ("optimizer.bach=3", "optimizer.bach"),
        ("task.kind=sculpture", "task"),
        ("steps=0", "steps"),
        ("steps=many", "steps"),
        ("data.twin=1.5", "data.twin"),
        ("data.rendered=null", "data: Value error, name a source"),
        (f"data.rendered.first_seed={VALIDATION_SEED}", "kept for validation"),
        ("init=nano", "preset"),
        ("steps.more=3", "steps is a value"),
        ("steps", "name=value"),
        ("steps=[", "YAML"),
    ],
)
def test_mistakes_are_named(change, words):
    path = next(path for path in RECIPES if path.stem == "nano-keypoints")
    with pytest.raises(InputError, match=words) as caught:
        load_config(path, [change])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("judge", ["adversarial", "perceptual", "changes"])
def test_judges_need_pictures_to_look_at(judge):
    path = next(path for path in RECIPES if path.stem == "sd15-stage1")
    with pytest.raises(InputError, match=f"{judge} needs loss: pictures"):
        load_config(path, [f"task.{judge}=0.1"])


def test_only_the_retargeter_does_without_pictures():
    path = next(path for path in RECIPES if path.stem == "nano-motion")
    with pytest.raises(InputError, match=r"the task motion needs data\.pictures"):
        load_config(path, ["data.pictures=false"])


@pytest.mark.parametrize(
    "content", ["", "- a\n- b\n", "a: [", b"\xff\xfe\x00"], ids=["empty", "list", "broken", "bytes"]
)
def test_files_that_are_no_recipe(tmp_path, content):
    path = tmp_path / "recipe.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=r"recipe\.yaml"):
        load_config(path)
    with pytest.raises(InputError, match=r"missing\.yaml"):
        load_config(tmp_path / "missing.yaml")
