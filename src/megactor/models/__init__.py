"""The networks: tensors in, tensors out.

Of the paper: `denoising_unet` and `reference_net` (built from `unet_blocks`, `resnet`, `attention`, `motion_module`),
`pose_guider`, `background_encoder`. Of nano: `dense_motion`, `portrait_skip`, `pixel_codec`. What makes a preset
stands in `presets`.
"""
