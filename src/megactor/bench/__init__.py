"""Measurements of this machine, made by the commands under `megactor bench`."""
