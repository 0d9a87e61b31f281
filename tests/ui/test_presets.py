"""What the page's settings mean for a job."""

import json
from dataclasses import fields, replace

import pytest

from megactor.errors import InputError
from megactor.jobs.animation import job_options
from megactor.options import AnimationOptions
from megactor.ui.presets import PRESETS, PageSettings, preset, preset_table


def test_standard_is_the_command_lines_default() -> None:
    assert PRESETS[0].settings.options(face=0, seconds=4, limit=300) == AnimationOptions()


@pytest.mark.parametrize("known", PRESETS, ids=lambda known: known.name)
def test_every_preset_is_possible_and_survives_the_form(known) -> None:
    assert preset(known.name) is known
    form = known.settings.to_form()
    assert len(form) == len(fields(PageSettings))
    assert PageSettings.from_form(*form) == known.settings
    known.settings.options(face=1, seconds=4, limit=300)


def test_the_browser_knows_the_same_presets() -> None:
    table = json.loads(json.dumps(preset_table()))
    assert list(table) == [known.name for known in PRESETS]
    for known in PRESETS:
        assert PageSettings.from_form(*table[known.name]["values"]) == known.settings


def test_all_settings_reach_the_options() -> None:
    form = ("1", "2.5", "12", 0.5, True, "Side by side", False, "7", "2,5", "128", "3", 0.0, 1.5, "realtime")
    options = PageSettings.from_form(*form).options(face=2, seconds=9, limit=300)
    assert options == AnimationOptions(
        steps=7,
        guidance=2.5,
        seed=3,
        size=128,
        start=1,
        end=2.5,
        fps=12,
        contour_preserve=True,
        motion_scale=0.5,
        eyes_scale=0.0,
        mouth_scale=1.5,
        speed="realtime",
        face=2,
        layout="side-by-side",
    )
    whole = PageSettings(show="Whole picture").options(face=0, seconds=9, limit=300)
    assert (whole.paste_back, whole.layout) == (True, "result")


@pytest.mark.parametrize("known", PRESETS, ids=lambda known: known.name)
def test_the_settings_of_a_result_can_be_used_again(known) -> None:
    changed = replace(known.settings, seed=5, eyes_scale=0.5, audio=False)
    job = job_options(changed.options(face=1, seconds=4, limit=300), changed.audio)
    assert PageSettings.of_job(job) == changed


@pytest.mark.parametrize(
    ("changes", "seconds", "words"),
    [
        ({}, 61.0, "61 s long and up to 60 s are animated"),
        ({"start": 1.0}, 62.0, "61 s long"),
        ({"end": 61.0}, 100.0, "longer than the 60 s"),
        ({"start": 5.0, "end": 2.0}, 100.0, "behind the start"),
    ],
)
def test_only_so_many_seconds(changes: dict[str, float], seconds: float, words: str) -> None:
    with pytest.raises(InputError, match=words):
        PageSettings(**changes).options(face=0, seconds=seconds, limit=60)


def test_a_video_of_unknown_length_is_cut() -> None:
    assert PageSettings(start=3).options(face=0, seconds=None, limit=60).end == 63


@pytest.mark.parametrize(("position", "text"), [(0, "soon"), (7, "2.5"), (10, "1e3")])
def test_what_is_no_number_is_told(position: int, text: str) -> None:
    form = list(PageSettings().to_form())
    form[position] = text
    with pytest.raises(InputError, match=f"'{text}', but must be a"):
        PageSettings.from_form(*form)
