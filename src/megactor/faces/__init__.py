"""Finding faces and following one of them through a clip."""
