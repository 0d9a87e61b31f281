"""A camera drives a portrait now: the newest frame is animated, frames that come in between are skipped."""
