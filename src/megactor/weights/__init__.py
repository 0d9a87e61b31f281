"""Weights on disk: a packaged preset, a folder of ours, or the official release as it is."""

from megactor.weights.load import load_components, model_folder

__all__ = ["load_components", "model_folder"]
