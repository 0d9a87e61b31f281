"""Named faces as weights of ARKit shapes: mouth shapes of speech, emotions and the faces of memes."""

from collections.abc import Mapping

TONGUE = "tongueOut"
"""The one shape that the rig lacks and posing makes itself; the last of a motion's expressions."""

Face = Mapping[str, float]


def _both(**weights: float) -> dict[str, float]:
    """Weights by shape; a name that ends with "_" stands for both sides."""
    face = {}
    for name, weight in weights.items():
        for full_name in (f"{name}L", f"{name}R") if name.endswith("_") else (name,):
            face[full_name] = weight
    return face


VISEMES: dict[str, Face] = {
    "silence": {},
    "aa": _both(jawOpen=0.55, mouthLowerDown_=0.3, mouthUpperUp_=0.2),
    "oh": _both(jawOpen=0.35, mouthFunnel=0.6, mouthPucker=0.25),
    "oo": _both(jawOpen=0.12, mouthPucker=0.75, mouthFunnel=0.2),
    "ee": _both(jawOpen=0.15, mouthStretch_=0.45, mouthSmile_=0.25, mouthLowerDown_=0.35, mouthUpperUp_=0.2),
    "mm": _both(mouthPress_=0.5, mouthRollLower=0.3, mouthRollUpper=0.2),
    "ff": _both(jawOpen=0.05, mouthRollLower=0.55, mouthUpperUp_=0.3),
    "ss": _both(jawOpen=0.06, mouthStretch_=0.3, mouthLowerDown_=0.4, mouthUpperUp_=0.25),
    "ll": _both(jawOpen=0.25, mouthLowerDown_=0.2),
}
"""Mouth shapes of speech, at full loudness."""

EMOTIONS: dict[str, Face] = {
    "neutral": {},
    "smile": _both(mouthSmile_=0.8, cheekSquint_=0.5, eyeSquint_=0.25, mouthDimple_=0.2),
    "laugh": _both(
        mouthSmile_=0.95, jawOpen=0.5, cheekSquint_=0.8, eyeSquint_=0.6, mouthUpperUp_=0.45, mouthLowerDown_=0.3
    ),
    "frown": _both(mouthFrown_=0.8, browDown_=0.5, browInnerUp_=0.5, mouthShrugLower=0.4),
    "surprise": _both(browInnerUp_=0.9, browOuterUp_=0.9, eyeWide_=0.9, jawOpen=0.65, mouthFunnel=0.3),
    "anger": _both(browDown_=1.0, noseSneer_=0.6, eyeSquint_=0.4, mouthPress_=0.5, mouthFrown_=0.3, jawForward=0.2),
    "disgust": _both(noseSneer_=0.9, mouthUpperUp_=0.6, browDown_=0.6, eyeSquint_=0.5, mouthFrown_=0.4),
    "sadness": _both(browInnerUp_=0.9, mouthFrown_=0.6, mouthShrugLower=0.5),
}
"""What faces show by themselves."""

MEME_FACES: dict[str, Face] = {
    "kiss": _both(mouthPucker=1.0, mouthFunnel=0.2, eyeSquint_=0.2),
    "puff": _both(cheekPuff_=0.9, mouthPress_=0.5, mouthPucker=0.3),
    "smirk left": {"mouthSmile_L": 0.9, "cheekSquint_L": 0.4, "mouthDimple_R": 0.2, "browOuterUp_L": 0.5},
    "smirk right": {"mouthSmile_R": 0.9, "cheekSquint_R": 0.4, "mouthDimple_L": 0.2, "browOuterUp_R": 0.5},
    "wink left": {"eyeBlink_L": 1.0, "cheekSquint_L": 0.7, "mouthSmile_L": 0.6, "browDown_L": 0.3},
    "wink right": {"eyeBlink_R": 1.0, "cheekSquint_R": 0.7, "mouthSmile_R": 0.6, "browDown_R": 0.3},
    "scream": _both(
        jawOpen=1.0, mouthLowerDown_=0.5, mouthUpperUp_=0.5, eyeWide_=0.6, browInnerUp_=0.6, mouthStretch_=0.3
    ),
    "jaw left": {"jawLeft": 0.8, "mouthLeft": 0.5},
    "jaw right": {"jawRight": 0.8, "mouthRight": 0.5},
    "tongue": _both(jawOpen=0.35, tongueOut=1.0, eyeSquint_=0.3, mouthLowerDown_=0.25),
    "squeeze": _both(eyeBlink_=1.0, eyeSquint_=1.0, cheekSquint_=0.9, noseSneer_=0.7, mouthPress_=0.6, browDown_=0.8),
    "teeth": _both(mouthStretch_=0.6, mouthLowerDown_=0.8, mouthUpperUp_=0.7, mouthSmile_=0.4),
    "skeptic": {
        **_both(mouthShrugLower=0.4, mouthLeft=0.3),
        **{"browOuterUp_R": 0.9, "browInnerUp_R": 0.6, "browDown_L": 0.7},
    },
    "lips in": _both(mouthRollUpper=0.8, mouthRollLower=0.8),
}
"""What people pull for a camera; one-sided ones name the person's side."""
