"""Where and how people are photographed: camera, light, background, and what the camera does to the picture."""
