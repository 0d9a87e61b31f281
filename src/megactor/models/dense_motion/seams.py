"""Where close-ups end: within the face, however it is turned.

The far side of a turned face ends beside the mouth. A close-up's circle reaches beyond it, to neck, hair and background
that its networks moved along with the lips; shown there, they tear the cheek.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from megactor.models.dense_motion.face_crops import UprightCrop
from megactor.models.dense_motion.nearby import mean_nearby
from megactor.models.dense_motion.sampling import pixel_centers
from megactor.models.dense_motion.smoothstep import smoothstep

_JAW = tuple(range(17))
_PIXELS = 32
"""Side of the answer, which is smooth."""
_UP = 10.0
"""In crops: temples are taken to go on upright from the ends of the jaw's line, this far."""
_WHOLE = 0.4
"""Of the way from the face's edge to the part: from here on all of the close-up is shown."""
_CLEAR = 0.05
"""In crops: the line is sure where all of the part lies so far within it. In profile the far eye lies beyond."""


def within_face(place: UprightCrop, keypoints: Tensor, part: Sequence[int]) -> Tensor:
    """How much of a close-up is to be shown so that it ends before the face does.

    Args:
        place: the close-up's crop of the frame.
        keypoints: (B, 70, 2) of the frame, in picture units.
        part: numbers of those that the close-up is about, brows left out: they reach the temples.

    Returns:
        (B, 1, S, S) in [0, 1]: 1 around the part, 0 at the jaw's line and outside of it; 1 everywhere where the part
        itself is not within that line.
    """
    jaw = place.into(keypoints[:, list(_JAW)])
    above = jaw.new_tensor([0.0, -_UP])
    outline = torch.cat([jaw[:, :1] + above, jaw, jaw[:, -1:] + above], 1)
    points, centers = place.into(keypoints[:, list(part)]), pixel_centers(_PIXELS, _PIXELS, jaw.device)
    to_edge, to_part = _depth(outline, centers).clamp(min=0), torch.cdist(centers, points).amin(-1)
    share = smoothstep(to_edge / (to_edge + to_part).clamp(min=1e-6) / _WHOLE).view(-1, 1, _PIXELS, _PIXELS)
    share = mean_nearby(share, 3)
    clear = smoothstep(_depth(outline, points).amin(-1) / _CLEAR)
    return torch.lerp(torch.ones_like(share), share, clear[:, None, None, None])


def _depth(outline: Tensor, points: Tensor) -> Tensor:
    """How far points (B, N, 2) lie within an outline (B, J, 2), which is open above; less than 0 outside: (B, N)."""
    (x0, y0), (across, down) = (ends[:, None].unbind(-1) for ends in (outline[:, :-1], outline.diff(dim=1)))
    x, y = points[:, :, None].unbind(-1)
    right, below = x - x0, y - y0  # (B, N, J - 1)
    along = ((right * across + below * down) / (across.square() + down.square()).clamp(min=1e-9)).clamp(0, 1)
    distance = ((right - along * across).square() + (below - along * down).square()).amin(-1).sqrt()
    # by how often a ray to the right of each point crosses the outline
    rise = torch.where(down.abs() < 1e-9, 1e-9, down)
    crossings = (((below < 0) != (below < down)) & (right < across / rise * below)).sum(-1)
    return torch.where(crossings % 2 == 1, distance, -distance)
