"""The denoising loop: which frames together, over a whole clip or as a stream."""
