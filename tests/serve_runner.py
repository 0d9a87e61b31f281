"""A runner for tests of the HTTP interface: gray frames in place of an animation."""

from command_line import FakePipeline

from megactor.errors import FaceError
from megactor.jobs.animation import AnimationRunner


def make(pause: float = 0.0) -> AnimationRunner:
    """Frames that take `pause` seconds each; a job whose `seed` is 13 finds no face."""
    pipeline = FakePipeline()
    pipeline.pause = pause

    def animate(portrait, driving, **options):
        if options["seed"] == 13:
            raise FaceError(f"no face found in {portrait}")
        pipeline.frame_count = 200 if options["seed"] == 7 else 4
        return pipeline(portrait, driving, **options)

    return AnimationRunner(animate, "gray")
