"""Half precision stays near single precision: the whole pipeline on a tiny random model in the official layout."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from official_release import write_release
from PIL import Image
from tiny_model import tiny_official_pipeline, tiny_pipeline

import megactor
import megactor.animate.decoding
from megactor.animate.decoding import to_images
from megactor.drive.portrait import Portrait
from megactor.errors import ModelError
from megactor.options import AnimationOptions
from megactor.pipeline import MegActorPipeline


def smooth_picture(seed: int, size: int = 64) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 255, (6, 6, 3), np.uint8)
    return np.array(Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC))


def loaded_so(model: Path | str, dtype: torch.dtype) -> MegActorPipeline:
    return MegActorPipeline.from_pretrained(model, torch_dtype=dtype)


def moved_so(model: Path | str, dtype: torch.dtype) -> MegActorPipeline:
    return MegActorPipeline.from_pretrained(model).to(dtype)


Load = Callable[[Path | str, torch.dtype], MegActorPipeline]


def video(
    model: Path | str,
    dtype: torch.dtype,
    pictures: tuple[np.ndarray, np.ndarray],
    frames: int,
    steps: int,
    load: Load = loaded_so,
) -> np.ndarray:
    """The first picture driven by the second, which moves sideways."""
    pipe = load(model, dtype)
    picture, moving = pictures
    size = len(picture)
    foreground = np.zeros((size, size), np.float32)
    foreground[size // 4 :, size // 4 : -size // 4] = 1
    background = (picture * (1 - foreground[..., None])).astype(np.uint8)
    portrait = Portrait(picture, None, None, picture, picture, foreground, background)  # type: ignore[arg-type]
    driving = [np.roll(moving, shift, axis=1) for shift in range(frames)]
    asked = AnimationOptions(steps=steps, guidance=4.5)
    return np.stack(list(pipe.animate_crops(portrait, driving, frames, asked)))


@pytest.mark.parametrize(("dtype", "frames", "steps"), [(torch.bfloat16, 20, 4), (torch.float16, 2, 2)])
def test_half_precision(
    dtype: torch.dtype, frames: int, steps: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # without the rounding to 8 bits, which would hide the difference
    monkeypatch.setattr(
        megactor.animate.decoding, "to_images", lambda images: images.float().permute(0, 2, 3, 1).numpy()
    )
    folder = write_release(tmp_path / "weights")
    pictures = smooth_picture(0), smooth_picture(1)
    exact, half = (video(folder, kind, pictures, frames, steps) for kind in (torch.float32, dtype))
    error = np.mean((exact - half) ** 2)
    psnr, contrast = -10 * np.log10(error), exact.std()
    print(f"{dtype}, {frames} frames, {steps} steps: PSNR {psnr:.1f} dB to float32, contrast {contrast:.2f}")
    assert contrast > 0.05  # a gray video would prove nothing
    assert error > 0
    assert psnr >= 45


@pytest.mark.parametrize("load", [loaded_so, moved_so])
@pytest.mark.parametrize(("dtype", "least"), [(torch.bfloat16, 40), (torch.float16, 50)])
def test_packaged_model(dtype: torch.dtype, least: float, load: Load) -> None:
    """Its warps ask for places of pixels, which half precision cannot name."""
    demo = Path(megactor.__file__).with_name("assets") / "demo"
    pictures = [np.array(Image.open(demo / name).resize((128, 128))) for name in ("photo.jpg", "oil.jpg")]
    pair = pictures[0], pictures[1]
    exact, half = (video("nano", kind, pair, 2, 1, load).astype(float) for kind in (torch.float32, dtype))
    psnr = 10 * np.log10(255**2 / np.mean((exact - half) ** 2))
    print(f"nano, {dtype}: PSNR {psnr:.1f} dB to float32")
    assert psnr >= least


def dtypes(pipe: MegActorPipeline) -> dict[str, torch.dtype]:
    """Of the networks that have weights."""
    return {
        name: part.dtype
        for name, part in pipe.components.items()
        if isinstance(part, torch.nn.Module) and list(part.parameters())
    }


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("make", [tiny_pipeline, tiny_official_pipeline])
def test_what_stays_in_float32_is_saved_with_a_model(
    tmp_path: Path, half: torch.dtype, make: Callable[[], MegActorPipeline]
) -> None:
    pipe = make()
    pipe.reference_net.register_to_config(force_upcast=make is tiny_pipeline)
    pipe.save_pretrained(tmp_path / "model")
    loaded, moved = (load(tmp_path / "model", half) for load in (loaded_so, moved_so))

    kept = {"reference_net", "dense_motion"} if make is tiny_pipeline else set()
    expected = {name: torch.float32 if name in kept else half for name in dtypes(pipe)}
    assert dtypes(loaded) == dtypes(moved) == dtypes(pipe.to("cpu", half)) == expected
    network = pipe.reference_net.half()
    assert network.dtype == pipe.reference_net.dtype == (torch.float32 if kept else torch.float16)
    moved.to(torch.float64)
    assert set(dtypes(moved).values()) == {torch.float64}


@pytest.mark.parametrize("make", [tiny_pipeline, tiny_official_pipeline])
def test_folders_that_were_saved_without_these_settings(tmp_path: Path, make: Callable[[], MegActorPipeline]) -> None:
    pipe = make()
    pipe.save_pretrained(tmp_path)
    for file, setting in (("model_index.json", "training_schedule"), ("reference_net/config.json", "force_upcast")):
        settings = json.loads((tmp_path / file).read_text())
        del settings[setting]
        (tmp_path / file).write_text(json.dumps(settings))
    loaded = loaded_so(tmp_path, torch.float16)

    nano = make is tiny_pipeline
    assert loaded.reference_net.dtype == (torch.float32 if nano else torch.float16)
    assert loaded.reference_net.config.force_upcast == nano
    assert loaded.config.training_schedule == ("own" if nano else "official")


def test_what_is_no_picture_is_not_shown() -> None:
    with pytest.raises(ModelError, match="float16"):
        to_images(torch.full((1, 3, 4, 4), torch.nan, dtype=torch.float16))
