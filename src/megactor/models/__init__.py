"""The networks: denoiser, reference network, driving encoder, and what surrounds them."""
