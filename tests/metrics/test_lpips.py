import pytest
import torch
from torch import nn

from megactor.errors import ModelError
from megactor.metrics.lpips import Lpips

CHANNELS = (64, 192, 384, 256, 256)


@pytest.fixture(scope="module")
def weights():
    """AlexNet's convolutions as torchvision builds them, and positive weights of the metric; random."""
    torch.manual_seed(0)
    features = nn.Sequential(
        *(nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 256, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(256, 256, 3, padding=1), nn.ReLU()),
    )
    linear = {f"lin{i}.model.1.weight": torch.rand(1, count, 1, 1) for i, count in enumerate(CHANNELS)}
    return features, linear


def state(features: nn.Module) -> dict[str, torch.Tensor]:
    return {f"features.{name}": tensor for name, tensor in features.state_dict().items()}


@torch.no_grad()
def test_the_formula(weights):
    """Layer by layer as the paper's equation 1 says, with hooks on the whole network."""
    features, linear = weights
    pictures = torch.rand(2, 2, 3, 64, 64)
    taken: list[torch.Tensor] = []
    for layer in (1, 4, 7, 9, 11):
        features[layer].register_forward_hook(lambda _, __, output: taken.append(output))
    mean, spread = torch.tensor((-0.030, -0.088, -0.188)), torch.tensor((0.458, 0.448, 0.450))
    for stack in pictures:
        features((stack * 2 - 1 - mean[:, None, None]) / spread[:, None, None])
    wanted = torch.zeros(2)
    for layer, (a, b) in enumerate(zip(taken[:5], taken[5:], strict=True)):
        difference = (a / a.norm(dim=1, keepdim=True) - b / b.norm(dim=1, keepdim=True)).nan_to_num() ** 2
        weighted = difference * linear[f"lin{layer}.model.1.weight"]
        wanted += weighted.sum(1).mean((1, 2))
    found = Lpips(state(features), linear)(*pictures)
    assert found == pytest.approx(wanted, rel=1e-4) and (found > 0).all()


def test_equal_pictures_have_no_distance(weights):
    features, linear = weights
    picture = torch.rand(1, 3, 64, 64)
    assert Lpips(state(features), linear)(picture, picture).item() == 0


def test_files(weights, tmp_path):
    with pytest.raises(ModelError, match="no LPIPS weights at"):
        Lpips.load(tmp_path)
    features, linear = weights
    torch.save(linear, tmp_path / "alex.pth")
    torch.save({"features.0.weight": torch.zeros(1)}, tmp_path / "alexnet-0.pth")
    with pytest.raises(ModelError, match="cannot read LPIPS weights"):
        Lpips.load(tmp_path)
    torch.save(state(features), tmp_path / "alexnet-0.pth")
    assert Lpips.load(tmp_path)(torch.rand(1, 3, 64, 64), torch.rand(1, 3, 64, 64)).item() > 0
