"""A folder that looks like the official code to `megactor bench official`: its classes, made of our networks."""

from pathlib import Path
from textwrap import dedent

CODE = "animate/unet_magic_noiseAttenST_Ada"

NETWORK = """
    import torch
    from official_release import official_tensors
    from torch import nn

    from megactor.models.denoising_unet import DenoisingUNet
    from megactor.models.pose_guider import PoseGuider
    from megactor.models.reference_net import ReferenceNet


    def built(config):
        shared = {
            "block_out_channels": tuple(config["block_out_channels"]),
            "attention_heads": config["attention_head_dim"],
            "cross_attention_dim": config["cross_attention_dim"],
            "norm_groups": config["norm_num_groups"],
        }
        return {"unet": DenoisingUNet(**shared), "pose_guider": PoseGuider(), "reference_net": ReferenceNet(**shared)}


    class Named(nn.Module):
        def __init__(self, config, part):
            super().__init__()
            self.numbers = config
            for name, value in official_tensors(built(config)).items():
                if not name.startswith(f"module.{part}."):
                    continue
                *folders, last = name.removeprefix(f"module.{part}.").split(".")
                place = self
                for folder in folders:
                    if folder not in place._modules:
                        place.add_module(folder, nn.Module())
                    place = place._modules[folder]
                if last == "pe":
                    place.register_buffer(last, value.detach())
                else:
                    place.register_parameter(last, nn.Parameter(value.detach()))
"""

UNET = """
    from animate.network import Named


    class UNet3DConditionModel(Named):
        @classmethod
        def from_config(cls, config, use_motion_module, use_refer_ada):
            assert config["down_block_types"][0] == "CrossAttnDownBlock3D"
            assert config["up_block_types"][0] == "UpBlock3D"
            return cls(config, "unet")
"""

ENCODER = """
    from animate.network import Named


    class AppearanceEncoderModel(Named):
        @classmethod
        def from_config(cls, config):
            assert config["down_block_types"][-1] == "DownBlock2D"
            return cls(config, "appearance_encoder")
"""

PIPELINE = """
    import imageio  # both may be missing: the driver stubs them
    import torch
    import torchvision.transforms.functional

    from animate.network import built
    from megactor.weights.official_checkpoint import convert_official
    from megactor.denoise.guidance import guide
    from megactor.denoise.whole_clip import denoise
    from megactor.models.noise_schedules import official_ddim
    from megactor.denoise.windows import context_windows


    class AnimationPipeline:
        def __init__(self, vae, text_encoder, tokenizer, unet, controlnet, scheduler):
            self.vae, self.unet, self.scheduler = vae, unet, scheduler

        def __call__(
            self,
            prompt,
            prompt_embeddings,
            num_inference_steps,
            guidance_scale,
            width,
            height,
            video_length,
            controlnet_condition,
            latents,
            appearance_encoder,
            source_image,
            context_frames,
            context_stride,
            context_overlap,
            ref_concat_image_noises_latents,
            ref_img_condition,
        ):
            state = {f"module.unet.{name}": value for name, value in self.unet.state_dict().items()}
            for name, value in appearance_encoder.state_dict().items():
                state[f"module.appearance_encoder.{name}"] = value
            parts = built(self.unet.numbers)
            weights = convert_official(state)
            parts["unet"].load_state_dict(weights.denoising_unet)
            parts["pose_guider"].load_state_dict(weights.pose_guider)
            parts["reference_net"].load_state_dict(weights.reference_net)
            tokens, concatenated = prompt_embeddings[:1], ref_concat_image_noises_latents[:1]
            pose = parts["pose_guider"].encode(controlnet_condition.permute(0, 4, 1, 2, 3), ref_img_condition)
            portrait = self.vae.encode(source_image.permute(0, 3, 1, 2)).latent_dist.mean * 0.18215

            def predict(noisy, windows, step):
                timestep = solver.timesteps[step]
                reference = parts["reference_net"](portrait, timestep, tokens)
                sample = torch.cat([noisy, torch.cat(windows[0], dim=2)], dim=1)
                return guide(*parts["unet"].guided(sample, timestep, tokens, reference), guidance_scale)

            solver = official_ddim()
            assert solver.config.beta_end == self.scheduler.config.beta_end
            solver.set_timesteps(num_inference_steps)
            windows = context_windows(video_length, context_frames, context_overlap)
            conditions = torch.cat([concatenated, pose], dim=1).split(1, dim=2)
            for frame in denoise(predict, conditions, latents, solver, windows).unbind(2):
                self.vae.decode(frame / 0.18215)
"""

CONFIG = """
    steps: 25
    guidance_scale: 4.5
    context: {context_frames: 4, context_stride: 1, context_overlap: 2}
    inference_config: configs/inference/schedule.yaml
    unet_additional_kwargs: {use_motion_module: true, use_refer_ada: true}
"""

SCHEDULE = """
    noise_scheduler_kwargs: {beta_start: 0.00085, beta_end: 0.012, beta_schedule: linear}
"""


def write_checkout(folder: Path) -> Path:
    """Writes it; its windows are 4 frames that share 2."""
    texts = {
        "animate/network.py": NETWORK,
        f"{CODE}/unet_controlnet.py": UNET,
        f"{CODE}/appearance_encoder.py": ENCODER,
        f"{CODE}/resnet.py": "from torch.nn import Conv2d as InflatedConv3d",
        f"{CODE}/mutual_self_attention.py": """
            class ReferenceAttentionControl:
                def update(self, writer, dtype=None):
                    pass
        """,
        f"{CODE}/pipeline.py": PIPELINE,
        "configs/inference/inference.yaml": CONFIG,
        "configs/inference/schedule.yaml": SCHEDULE,
    }
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
    return folder
