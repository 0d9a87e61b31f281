"""One clip through the networks: encoded, denoised, decoded, laid out."""
