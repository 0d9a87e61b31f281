import torch

from megactor.models.dense_motion.sampling import sample, sample_clamped


def test_what_is_done_without_a_border_mode_is_the_same() -> None:
    image, places = torch.randn(2, 3, 9, 14), torch.rand(2, 20, 20, 2) * 3 - 1
    places[0, 0, :4] = torch.tensor([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.5 / 14, 1 - 0.5 / 9]])
    torch.testing.assert_close(sample_clamped(image, places), sample(image, places), atol=2e-6, rtol=1e-5)
