"""What the renderer knows of a clip: what the face does, in the columns of `metrics.motion`, and what was hidden."""

from collections.abc import Sequence

import numpy as np

from megactor.evaluation.regions import REGIONS
from megactor.faces import measures
from megactor.metrics.motion import MEASURES
from megactor.synth.anatomy.subject import Material, Subject
from megactor.synth.clips.clip import ClipFrame
from megactor.synth.render.correspondence import correspond
from megactor.synth.render.renderer import Rendered
from megactor.synth.scene.scene import Framing

_INSIDE_MOUTH = (Material.MOUTH, Material.GUM, Material.TEETH, Material.TONGUE)


def true_regions(rendered: Sequence[Rendered], subject: Subject) -> dict[str, np.ndarray]:
    """What of each frame the first one, which is the portrait, shows and hides.

    Args:
        rendered: F frames of one person and scene, with the renderer's own supersampling.
        subject: the person.

    Returns:
        (F, S, S) bool by the names of `regions.REGIONS`.
    """
    rows = []
    for frame in rendered:
        person, shown = frame.triangle_ids >= 0, correspond(subject, frame, rendered[0]).visible
        mouth = np.isin(frame.materials, _INSIDE_MOUTH)
        rows.append((person & ~shown, person & ~shown & mouth, ~person & ~shown, person & shown, ~person & shown))
    return dict(zip(REGIONS, np.stack(rows, axis=1), strict=True))


def true_performance(
    frames: Sequence[ClipFrame], stream: str, framing: Framing, expressions: Sequence[str]
) -> np.ndarray:
    """The truth about a clip's measures; units differ from the analyzer's, so only correlate the two.

    Args:
        frames: F frames of the clip.
        stream: whose landmarks to measure.
        framing: the stream's.
        expressions: names of the rig's shapes.

    Returns:
        (F, len(MEASURES)): mouth, lids and smile as ratios of landmark distances, yaw and pitch of the head to the
        camera and gaze in radians. NaN where the truth cannot be seen: lids and gaze of a face turned away, gaze of
        closed eyes.
    """
    blinks = [expressions.index(f"eyeBlink_{side}") for side in "LR"]
    rows = []
    for frame in frames:
        points = frame.rendered[stream].landmarks
        yaw = float(frame.pose.rotation[1]) + framing.yaw
        frontal = abs(yaw) < measures.FRONTAL
        awake = frontal and float(frame.pose.expressions[blinks].mean()) < measures.AWAKE
        rows.append(
            {
                "mouth": measures.mouth_opening_68(points),
                "smile": measures.mouth_width_68(points),
                "lids": measures.eye_opening_68(points) if frontal else np.nan,
                "yaw": yaw,
                "pitch": float(frame.pose.rotation[0]) + framing.pitch,
                "gaze": float(frame.pose.gaze[0]) if awake else np.nan,
            }
        )
    return np.array([[row[name] for name in MEASURES] for row in rows], float)
