"""What the metrics are called, mean and want; the report, the tables and docs/evaluation.md speak these words."""

from dataclasses import dataclass

import numpy as np

UP, DOWN, ONE = "higher", "lower", "nearer to 1"


@dataclass(frozen=True)
class Metric:
    """One metric.

    label: in tables, with its unit.
    better: UP, DOWN, ONE, or "" where none is.
    digits: behind the point.
    meaning: one or two sentences; the formula's source.
    median: clips are summed up by their median instead of their mean.
    """

    label: str
    better: str
    digits: int
    meaning: str
    median: bool = False

    def gain(self, value: float, other: float) -> float:
        """By how much a value is better than another: positive is better; ratios are compared by their logarithms."""
        if self.better == ONE:
            off, other_off = (abs(float(np.log(max(ratio, 1e-3)))) for ratio in (value, other))
            return other_off - off
        return {UP: value - other, DOWN: other - value}.get(self.better, 0.0)


METRICS = {
    "psnr": Metric("PSNR, dB", UP, 2, "Peak signal-to-noise ratio to the true frames, the first left out."),
    "psnr_gain": Metric("PSNR gain, dB", UP, 2, "PSNR less that of the still portrait on the same frames."),
    "ssim": Metric("SSIM", UP, 3, "Structural similarity, window of 11 pixels (Wang et al., 2004)."),
    "ms_ssim": Metric("MS-SSIM", UP, 3, "SSIM over five scales (Wang, Simoncelli and Bovik, 2003)."),
    "l1": Metric("L1", DOWN, 4, "Mean absolute difference to the true frames, white = 1."),
    "lpips": Metric("LPIPS", DOWN, 3, "Distance of AlexNet's features, version 0.1 (Zhang et al., 2018)."),
    "lpips_face": Metric("LPIPS of the face", DOWN, 3, "LPIPS of the square around the true face."),
    "perceptual_face": Metric(
        "Perceptual distance of the face",
        DOWN,
        4,
        "Distance of EfficientNet-Lite0's features in the square around the true face, mean of sixteen frames: LPIPS "
        "without its learned weights. Haze counts, light hardly does.",
    ),
    "nme": Metric(
        "Landmark NME, %",
        DOWN,
        2,
        "Mean distance of 68 landmarks to those of the true frame over its distance of the outer eye corners "
        "(Sagonas et al., 2013).",
    ),
    "aed": Metric(
        "AED",
        DOWN,
        3,
        "Average expression distance (Ren et al., 2021), here of seven numbers read off landmarks with the head's pose "
        "taken out (mouth, lids, brows), in standard deviations.",
    ),
    "apd": Metric(
        "APD, degrees",
        DOWN,
        2,
        "Average pose distance (Ren et al., 2021): mean absolute difference of yaw, pitch and roll, here of a mean "
        "face fitted to landmarks.",
    ),
    "gaze_error": Metric(
        "Gaze error, degrees",
        DOWN,
        2,
        "Mean angle between the directions of the eyes in the head (as in Guo et al., 2024), here read off the irises; "
        "closed eyes are left out.",
    ),
    "r_mouth": Metric("Mouth r", UP, 3, "Pearson's r of the mouth's opening with the drive's, where that one moves."),
    "r_lids": Metric("Blink r", UP, 3, "Pearson's r of the lids' opening with the drive's."),
    "r_smile": Metric("Smile r", UP, 3, "Pearson's r of the mouth's width with the drive's."),
    "r_yaw": Metric("Yaw r", UP, 3, "Pearson's r of the head's turn with the drive's."),
    "r_pitch": Metric("Pitch r", UP, 3, "Pearson's r of the head's nod with the drive's."),
    "r_gaze": Metric("Gaze r", UP, 3, "Pearson's r of the irises' place between the eye corners with the drive's."),
    "amplitude_mouth": Metric(
        "Mouth amplitude",
        ONE,
        2,
        "Standard deviation of the mouth's opening over the clip by the driver's own, where the driver's is large "
        "enough to be no noise; median over clips. The true frames' own stands beside it.",
        median=True,
    ),
    "amplitude_lids": Metric("Blink amplitude", ONE, 2, "The same of the lids' opening.", median=True),
    "amplitude_smile": Metric("Smile amplitude", ONE, 2, "The same of the mouth's width.", median=True),
    "amplitude_yaw": Metric("Yaw amplitude", ONE, 2, "The same of the head's turn.", median=True),
    "amplitude_pitch": Metric("Pitch amplitude", ONE, 2, "The same of the head's nod.", median=True),
    "amplitude_gaze": Metric("Gaze amplitude", ONE, 2, "The same of the irises' place.", median=True),
    "r_mouth_rendered": Metric(
        "Mouth r, renderer", UP, 3, "As above with what the renderer knows instead of what the analyzer reads."
    ),
    "r_lids_rendered": Metric("Blink r, renderer", UP, 3, "As above."),
    "r_smile_rendered": Metric("Smile r, renderer", UP, 3, "As above."),
    "r_yaw_rendered": Metric("Yaw r, renderer", UP, 3, "As above."),
    "r_pitch_rendered": Metric("Pitch r, renderer", UP, 3, "As above."),
    "r_gaze_rendered": Metric("Gaze r, renderer", UP, 3, "As above."),
    "identity_difference": Metric(
        "Identity difference, ΔE",
        DOWN,
        2,
        "Mean CIELAB difference to the portrait at 51 landmarks: about 5 between frames of one person, 20 between "
        "two. A proxy: it sees coloring, not the shape of a face.",
    ),
    "identity_lead": Metric(
        "Identity lead, ΔE", UP, 2, "The same difference to the driver less that to the portrait; cross-driven clips."
    ),
    "identity": Metric("Portrait's identity", UP, 3, "Share of cross-driven clips whose identity lead is positive."),
    "face_distance": Metric(
        "Face distance",
        DOWN,
        3,
        "Distance to the portrait of dlib's face embeddings (King, 2017), mean of eight frames: below 0.6 it takes two "
        "faces for one person's.",
    ),
    "jitter": Metric(
        "Face jitter, x driver's",
        DOWN,
        2,
        "How far landmarks lie from the middle between the frames before and after, by the same of the true frames or "
        "else the driver; median over clips. Above 1 the face trembles; a still face has 0.",
        median=True,
    ),
    "flicker": Metric(
        "Flicker", DOWN, 4, "Mean absolute change of the background from frame to frame, white = 1; cameras have noise."
    ),
    "drift": Metric("Background drift", DOWN, 4, "Mean absolute change of the background since the first frame."),
    "beside_head": Metric(
        "Background beside the head",
        DOWN,
        4,
        "Mean absolute difference to the portrait where the segmenter sees background in both, up to an eighth of the "
        "side from the person, white = 1.",
    ),
    "found": Metric("Face found", UP, 3, "Share of the frames in which the analyzer finds a face."),
}
"""By name, in the order of tables."""

NOT_INCLUDED = {
    "FID": "it needs an Inception-v3 network, which is not part of this project",
    "FVD": "it needs an I3D network, which is not part of this project",
}
"""Metrics that papers report and this evaluation does not, with the reason."""

REFERENCE_SYSTEMS = {
    "still": "the portrait in place of every frame",
    "warp": "the portrait bent by the driver's landmarks (thin-plate splines, Bookstein, 1989)",
    "truth": "the true frames, judged like a result: what the face analyzer's errors leave of a perfect one",
}
"""Judged beside the models; no model may have their names."""
UNRANKED = ("still", "truth")
"""Systems that are not candidates for the best figure: one does nothing, the other is what is wanted."""
