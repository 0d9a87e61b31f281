"""The critic: who learns from which loss, and that it can tell."""

import torch

from megactor.train.tasks.critic import Critic, adversarial_losses


def stripes(count: int) -> torch.Tensor:
    """Sharp pictures (count, 3, 32, 32)."""
    phase = torch.randint(4, (count, 1, 1, 1))
    return (((torch.arange(32) + phase) // 4) % 2).float().expand(-1, 3, 32, -1)


def test_each_side_learns_from_its_own_loss():
    torch.manual_seed(0)
    critic, made = Critic(3, seed=0), torch.rand(2, 3, 32, 32, requires_grad=True)
    losses = adversarial_losses(critic, made, stripes(2))
    losses["critic"].backward(retain_graph=True)
    assert made.grad is None
    assert all(weight.grad is not None for weight in critic.parameters())
    critic.zero_grad()
    losses["fooled"].backward()
    assert made.grad is not None and made.grad.abs().max() > 0
    assert all(weight.grad is None for weight in critic.parameters())


def test_it_tells_haze_from_sharp_pictures_and_says_what_is_missing():
    torch.manual_seed(0)
    critic = Critic(3, seed=0)
    optimizer = torch.optim.AdamW(critic.parameters(), lr=2e-3)
    haze = torch.full((8, 3, 32, 32), 0.5)
    for _ in range(40):
        optimizer.zero_grad()
        adversarial_losses(critic, haze, stripes(8))["critic"].backward()
        optimizer.step()
    with torch.no_grad():
        assert critic(stripes(8) * 2 - 1)[0].mean() > 0.5 > -0.5 > critic(haze * 2 - 1)[0].mean()
    sharper = torch.lerp(haze, stripes(8), 0.8)
    opinions = [float(adversarial_losses(critic, picture, stripes(8))["fooled"]) for picture in (haze, sharper)]
    assert opinions[1] < opinions[0]


def test_its_first_weights_are_those_of_its_seed():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one, other = Critic(3, seed=5), Critic(3, seed=5)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
