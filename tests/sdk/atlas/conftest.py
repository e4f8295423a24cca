"""Anatomical points of the template body, left side, read off its cross-sections: metres, y up, +z front, +x left."""

import numpy as np
import pytest

_PALM = np.array([-0.73, -0.68, 0.02])  # unit, out of the left palm
_HAND = np.array([0.51, -0.52, 0.68])  # unit, along the left forearm to the hand
_ELBOW = np.array([0.345, 1.166, 0.033])
_CREASE = np.array([-0.19, 0.30, 0.93])  # unit, out of the crease of the elbow
_PAST_ELBOW = np.array([0.63, -0.68, 0.38])  # unit, down the arm at the elbow
_WRIST = np.array([0.470, 1.038, 0.187])

POINTS = {
    "throat pit": (0.0, 1.402, 0.074),
    "nape": (0.0, 1.44, -0.031),
    "navel": (0.0, 1.066, 0.131),
    "crotch": (0.0, 0.8156, 0.0302),
    "belt back": (0.0, 1.0, -0.057),
    "shoulder tip": (0.172, 1.412, 0.012),
    "flank": (0.135, 1.15, 0.04),
    "neck front": (0.0, 1.43, 0.072),
    "neck back": (0.0, 1.47, -0.021),
    "nose tip": (0.0, 1.557, 0.161),
    "mouth": (0.0, 1.535, 0.155),
    "eye": (0.031, 1.593, 0.132),
    "ear": (0.082, 1.576, 0.03),
    "crown": (0.0, 1.70, 0.02),
    "back of head": (0.0, 1.62, -0.06),
    "hip front": (0.11, 0.90, 0.12),
    "buttock": (0.09, 0.93, -0.09),
    "thigh inside": (0.035, 0.70, 0.035),
    "thigh outside": (0.19, 0.70, 0.035),
    "knee above": (0.142, 0.505, 0.10),
    "knee below": (0.144, 0.470, 0.087),
    "knee pit above": (0.139, 0.505, -0.025),
    "knee pit below": (0.14, 0.465, -0.035),
    "leg inside": (0.11, 0.33, 0.006),
    "leg outside": (0.22, 0.33, 0.006),
    "ankle front": (0.182, 0.105, 0.052),
    "Achilles": (0.181, 0.108, -0.039),
    "heel under": (0.18, 0.0, -0.03),
    "heel back": (0.182, 0.04, -0.05),
    "toes under": (0.19, 0.005, 0.13),
    "instep": (0.18, 0.06, 0.09),
    "sole": (0.19, 0.0, 0.06),
    "foot inside": (0.152, 0.03, 0.08),
    "foot top": (0.185, 0.045, 0.11),
    "foot outside": (0.222, 0.03, 0.07),
    "toes top": (0.18, 0.025, 0.16),
    "elbow crease above": tuple(_ELBOW + 0.05 * _CREASE - 0.012 * _PAST_ELBOW),
    "elbow crease below": tuple(_ELBOW + 0.05 * _CREASE + 0.012 * _PAST_ELBOW),
    "elbow tip above": tuple(_ELBOW - 0.05 * _CREASE - 0.015 * _PAST_ELBOW),
    "elbow tip below": tuple(_ELBOW - 0.05 * _CREASE + 0.015 * _PAST_ELBOW),
    "armpit": (0.178, 1.28, 0.01),
    "deltoid": (0.20, 1.395, 0.018),
    "upper arm front": (0.262, 1.262, 0.066),
    "upper arm back": (0.262, 1.262, -0.02),
    "wrist palm side": tuple(_WRIST + 0.05 * _PALM - 0.006 * _HAND),
    "wrist back side": tuple(_WRIST - 0.05 * _PALM - 0.015 * _HAND),
    "thumb side": (0.405, 1.125, 0.14),  # half-way down the forearm
    "little side": (0.425, 1.095, 0.08),
    "thumb back": tuple(np.array([0.445, 1.012, 0.272]) + 0.02 * np.array([-0.68, 0.73, 0.0])),
    "thumb palm": tuple(np.array([0.445, 1.012, 0.272]) - 0.02 * np.array([-0.68, 0.73, 0.0])),
    "index back": tuple(np.array([0.503, 0.965, 0.323]) - 0.012 * _PALM),
    "index palm": tuple(np.array([0.503, 0.965, 0.323]) + 0.012 * _PALM),
    "middle back": tuple(np.array([0.516, 0.983, 0.269]) - 0.012 * _PALM),
    "middle palm": tuple(np.array([0.516, 0.983, 0.269]) + 0.03 * _PALM),
    "little tip": (0.536, 0.912, 0.253),
    "middle tip": (0.529, 0.914, 0.325),
    "hand at wrist": tuple(_WRIST + 0.008 * _HAND - 0.05 * _PALM),
}


@pytest.fixture(scope="session")
def body_points():
    return POINTS
