"""Poses that the clips lack, made from rules: seated, astride, squatting, kneeling, lying, hands at hips, ears, laps.

Angles are degrees, limbs are set in the frame of the pelvis or chest; see poses.py for the T-pose convention.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.train.data.poses import CANONICAL, CANONICAL_PARENTS, Pose
from densepose_mobile.train.data.rotations import about_axis, random_rotations

__all__ = ["ARM_TARGETS", "STANCES", "Stance", "perturb", "reach", "sample_stance", "with_arms", "with_new_arms"]

Range = tuple[float, float]


@dataclass(frozen=True)
class Stance:
    """Ranges of joint angles. Hip flexion lifts the knee forward, abduction moves it outward, the knee bends back."""

    chance: float
    flexion: Range
    abduction: Range
    knee: Range
    turn_out: Range = (-5, 20)  # of the whole leg about its own upright axis
    lean: Range = (-5, 15)  # of the trunk against the pelvis, forward
    tilt: Range = (-8, 12)  # of the pelvis, forward
    other_flexion: Range | None = None  # of the second leg, if it differs
    other_knee: Range | None = None
    other_abduction: Range | None = None
    roll: tuple[str, ...] = ("up",)  # up, back, front, side: how the whole figure lies
    arms: tuple[str, ...] = ()  # likely hand targets; empty: any


STANCES: Final[dict[str, Stance]] = {
    "chair": Stance(0.20, (72, 102), (0, 24), (55, 112), lean=(-8, 35), tilt=(-18, 12),
                    arms=("lap", "lap", "table", "table", "phone", "rest", "face", "cross")),
    "chair_crossed": Stance(0.06, (92, 108), (-20, -10), (60, 95), lean=(-8, 25), tilt=(-15, 8), other_flexion=(78, 92),
                            other_knee=(70, 105), other_abduction=(-6, 8), arms=("lap", "table", "phone", "cross")),
    "slouch": Stance(0.05, (62, 90), (5, 25), (10, 60), lean=(10, 35), tilt=(-40, -15), arms=("lap", "phone", "rest")),
    "astride": Stance(0.08, (35, 100), (10, 32), (35, 110), lean=(5, 50), tilt=(0, 20),
                      arms=("handle", "handle", "table")),
    "downhill": Stance(0.09, (25, 80), (2, 24), (35, 105), lean=(5, 45), tilt=(0, 25),
                       arms=("side", "poles", "poles", "front", "hang")),
    "squat": Stance(0.06, (95, 125), (8, 38), (105, 145), lean=(5, 40), tilt=(-5, 20),
                    arms=("lap", "table", "front", "down")),
    "kneel_one": Stance(0.05, (75, 100), (0, 22), (80, 110), lean=(-5, 30), other_flexion=(-12, 20),
                        other_knee=(80, 125)),
    "kneel": Stance(0.04, (-5, 60), (2, 22), (85, 140), lean=(-5, 40), arms=("lap", "down", "table")),
    "tailor": Stance(0.04, (85, 105), (35, 55), (105, 135), turn_out=(35, 60), lean=(0, 30), tilt=(-20, 0),
                     arms=("lap", "lap", "phone", "table")),
    "floor": Stance(0.04, (70, 98), (2, 22), (0, 95), lean=(-5, 35), tilt=(-25, 5),
                    arms=("lap", "rest", "behind", "knee")),
    "stand": Stance(0.14, (-6, 14), (0, 12), (0, 18), arms=()),
    "weight_on_one": Stance(0.05, (-4, 6), (-2, 8), (0, 6), other_flexion=(5, 35), other_knee=(15, 60)),
    "lunge": Stance(0.07, (30, 85), (0, 20), (40, 100), lean=(-5, 40), other_flexion=(-30, 5), other_knee=(5, 60)),
    "lie": Stance(0.07, (-5, 70), (0, 28), (0, 100), lean=(-8, 15), tilt=(-5, 5),
                  roll=("back", "front", "side", "back")),
    "recline": Stance(0.03, (20, 85), (0, 28), (5, 100), lean=(10, 40), tilt=(-60, -35),
                      arms=("rest", "lap", "phone", "head")),
}  # fmt: skip

ARM_TARGETS: Final[dict[str, tuple[float, tuple[float, float, float], float]]] = {
    # how often, wrist from the shoulder in arm lengths (outward, up, forward) of the chest, spread of the target
    "hang": (0.16, (0.16, -0.93, 0.06), 0.07),
    "lap": (0.08, (-0.08, -0.62, 0.52), 0.12),
    "table": (0.10, (-0.12, -0.45, 0.62), 0.16),
    "phone": (0.08, (-0.22, -0.22, 0.52), 0.12),
    "ear": (0.05, (-0.06, 0.22, 0.12), 0.07),
    "face": (0.04, (-0.24, 0.12, 0.32), 0.08),
    "hip": (0.07, (0.06, -0.66, 0.02), 0.05),
    "cross": (0.05, (-0.42, -0.42, 0.34), 0.07),
    "behind": (0.04, (-0.05, -0.70, -0.35), 0.10),
    "rest": (0.05, (0.30, -0.55, 0.45), 0.12),
    "up": (0.05, (0.12, 0.88, 0.12), 0.16),
    "head": (0.03, (-0.10, 0.45, -0.02), 0.08),
    "side": (0.06, (0.85, -0.12, 0.05), 0.22),
    "front": (0.05, (0.00, 0.00, 0.88), 0.20),
    "handle": (0.05, (0.10, -0.40, 0.78), 0.10),
    "poles": (0.04, (0.25, -0.45, 0.45), 0.15),
    "down": (0.04, (0.02, -0.80, 0.45), 0.14),
    "knee": (0.02, (0.05, -0.50, 0.70), 0.10),
    "swing": (0.04, (-0.30, 0.25, 0.55), 0.30),
    "back": (0.03, (0.45, 0.15, -0.50), 0.20),
}
_TARGET_NAMES: Final = tuple(ARM_TARGETS)
_TARGET_CHANCE: Final = np.array([chance for chance, _, _ in ARM_TARGETS.values()])
_STANCE_NAMES: Final = tuple(STANCES)
_STANCE_CHANCE: Final = np.array([stance.chance for stance in STANCES.values()])
_UPPER, _FORE = 0.27, 0.25  # m, of a middling adult; only their ratio matters

_AT: Final = {name: index for index, name in enumerate(CANONICAL)}
_X, _Y, _Z = np.eye(3)


def _turn(axis: NDArray[np.float64], degrees: float) -> NDArray[np.float32]:
    return about_axis(axis, np.radians(degrees))


def sample_stance(rng: np.random.Generator, name: str | None = None) -> Pose:
    """A pose made from the rules of `name`, or of a random stance."""
    if name is None:
        name = _STANCE_NAMES[int(rng.choice(len(_STANCE_NAMES), p=_STANCE_CHANCE / _STANCE_CHANCE.sum()))]
    stance = STANCES[name]
    rotations = np.broadcast_to(np.eye(3, dtype=np.float32), (len(CANONICAL), 3, 3)).copy()
    pelvis = _turn(_X, rng.uniform(*stance.tilt)) @ _turn(_Z, rng.normal(0, 4)) @ _turn(_Y, rng.normal(0, 6))
    roll = stance.roll[int(rng.integers(len(stance.roll)))]
    if roll != "up":
        base = {"back": -90.0, "front": 90.0, "side": -90.0}[roll] + rng.normal(0, 7)
        pelvis = _turn(_X, base) @ _turn(_Y, rng.normal(0, 12) + (90 if roll == "side" else 0)) @ pelvis
    rotations[_AT["pelvis"]] = pelvis
    above = pelvis
    lean, twist, sway = rng.uniform(*stance.lean), rng.normal(0, 14), rng.normal(0, 6)
    for joint in ("spine1", "spine2", "chest"):
        above = above @ _turn(_Y, twist / 3) @ _turn(_Z, sway / 3) @ _turn(_X, lean / 3)
        rotations[_AT[joint]] = above
    nod = float(np.clip(rng.normal(8 - 0.4 * lean, 16), -45, 55))
    look, cock = float(np.clip(rng.normal(0, 24), -65, 65)), rng.normal(0, 7)
    for joint in ("neck", "head"):
        above = above @ _turn(_Y, look / 2) @ _turn(_Z, cock / 2) @ _turn(_X, nod / 2)
        rotations[_AT[joint]] = above
    first = "l" if rng.random() < 0.5 else "r"
    second = "r" if first == "l" else "l"
    _set_leg(rotations, rng, first, stance, stance.flexion, stance.knee, stance.abduction)
    _set_leg(
        rotations,
        rng,
        second,
        stance,
        stance.other_flexion or stance.flexion,
        stance.other_knee or stance.knee,
        stance.other_abduction or stance.abduction,
    )
    names = stance.arms
    same = names[int(rng.integers(len(names)))] if names and rng.random() < 0.8 else None
    for side in "lr":
        choice = same if same is not None and rng.random() < 0.75 else None
        with_new_arms(rotations, rng, side, choice)
    return Pose(rotations, 0.0, f"stance_{name}:{roll}")


def _set_leg(
    rotations: NDArray[np.float32],
    rng: np.random.Generator,
    side: str,
    stance: Stance,
    flexion: Range,
    knee: Range,
    abduction: Range,
) -> None:
    out = 1.0 if side == "l" else -1.0
    bend, lift = rng.uniform(*knee), rng.uniform(*flexion)
    across = np.array([0.0, np.sin(np.radians(lift)), np.cos(np.radians(lift))])  # to the thigh, in the side view
    thigh = (
        rotations[_AT["pelvis"]]
        @ _turn(across, out * rng.uniform(*abduction))
        @ _turn(_X, -lift)
        @ _turn(_Y, out * rng.uniform(*stance.turn_out))
    )
    shin = thigh @ _turn(_X, bend) @ _turn(_Y, out * rng.normal(3, 5))
    foot = shin @ _turn(_X, float(np.clip(rng.normal(0, 10), -18, 35)))
    level = shin[:, 1] @ _Y  # a shin that stands upright usually stands on a level sole
    if level > 0.6 and rng.random() < 0.75:
        ahead = shin[:, 2] * [1, 0, 1]
        ahead = ahead / max(float(np.linalg.norm(ahead)), 1e-6)
        foot = np.stack([np.cross(_Y, ahead), _Y, ahead], 1).astype(np.float32)
    for name, value in (("thigh", thigh), ("shin", shin), ("foot", foot), ("toe", foot)):
        rotations[_AT[f"{side}_{name}"]] = value


def with_new_arms(
    rotations: NDArray[np.float32], rng: np.random.Generator, side: str, target: str | None = None
) -> None:
    """Set (in place) the arm of `side` so that the hand reaches a target of ARM_TARGETS, a random one by default."""
    if target is None:
        target = _TARGET_NAMES[int(rng.choice(len(_TARGET_NAMES), p=_TARGET_CHANCE / _TARGET_CHANCE.sum()))]
    _, place, spread = ARM_TARGETS[target]
    out = 1.0 if side == "l" else -1.0
    goal = (np.array(place) + rng.normal(0, spread, 3)) * (_UPPER + _FORE) * [out, 1, 1]
    pole = np.array([0.55 * out, -0.75, -0.35]) + rng.normal(0, 0.25, 3)
    if target in ("hip", "ear", "head"):
        pole = pole + np.array([0.8 * out, 0.3, 0.0])
    upper, fore = reach(goal, pole, out)
    chest = rotations[_AT["chest"]]
    lift = float(np.clip(goal[1] / (_UPPER + _FORE), -0.2, 1)) * 16 + rng.normal(0, 3)
    turn = _turn(np.array([out, 0.0, 0.0]), out * float(rng.uniform(-75, 10)))  # pronation about the forearm
    hand = fore @ turn @ _turn(_Z, rng.normal(0, 14)) @ _turn(_Y, rng.normal(0, 9))
    rotations[_AT[f"{side}_clavicle"]] = chest @ _turn(_Z, out * lift)
    rotations[_AT[f"{side}_upperarm"]] = chest @ upper
    rotations[_AT[f"{side}_forearm"]] = chest @ fore
    rotations[_AT[f"{side}_hand"]] = chest @ hand


def reach(
    goal: NDArray[np.float64], pole: NDArray[np.float64], out: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Rotations (3, 3) of upper arm and forearm that bring the wrist from the shoulder to `goal` (3,) m.

    The elbow lies towards `pole` (3,). out: +1 for a left arm, which rests along +x, -1 for a right one. A goal out of
    reach is approached along its direction.
    """
    far = (_UPPER + _FORE) * 0.985
    length = float(np.clip(np.linalg.norm(goal), 0.12, far))
    along = goal / max(float(np.linalg.norm(goal)), 1e-6)
    side = pole - (pole @ along) * along
    if np.linalg.norm(side) < 1e-6:
        side = np.cross(along, _Z)
    side = side / np.linalg.norm(side)
    cosine = (length**2 + _UPPER**2 - _FORE**2) / (2 * length * _UPPER)
    sine = np.sqrt(max(0.0, 1 - cosine**2))
    elbow = _UPPER * (cosine * along + sine * side)
    upper = elbow / _UPPER
    fore = length * along - elbow
    fore = fore / np.linalg.norm(fore)
    # at rest the arm lies along (out, 0, 0) and the forearm bends towards +z
    rest = np.stack([out * _X, _Z, np.cross(out * _X, _Z)], 1)
    hinge = np.cross(upper, -side)
    hinge = hinge / max(float(np.linalg.norm(hinge)), 1e-6)

    def frame(direction: NDArray[np.float64]) -> NDArray[np.float32]:
        ahead = np.cross(hinge, direction)
        return (np.stack([direction, ahead, hinge], 1) @ rest.T).astype(np.float32)

    return frame(upper), frame(fore)


def with_arms(pose: Pose, other: Pose, side: str) -> Pose:
    """`pose` with the arm of `other`, carried over in the frame of the chest."""
    rotations = pose.rotations.copy()
    carry = pose.rotations[_AT["chest"]] @ other.rotations[_AT["chest"]].T
    for name in ("clavicle", "upperarm", "forearm", "hand"):
        joint = _AT[f"{side}_{name}"]
        rotations[joint] = carry @ other.rotations[joint]
    return Pose(rotations, pose.air, pose.clip)


_NOISE: Final = np.array(
    [3.0, 2.0, 2.0, 2.0, 4.0, 5.0] + 2 * [2.0, 7.0, 7.0, 8.0, 5.0, 5.0, 5.0, 3.0], np.float64
)  # degrees, by canonical joint


def perturb(pose: Pose, rng: np.random.Generator, strength: float = 1.0) -> Pose:
    """The pose with every joint turned a little against its parent."""
    noise = random_rotations(rng, _NOISE * strength)
    out = np.empty_like(pose.rotations)
    for joint, parent in enumerate(CANONICAL_PARENTS):
        if parent < 0:
            out[joint] = pose.rotations[joint] @ noise[joint]
        else:
            out[joint] = out[parent] @ pose.rotations[parent].T @ pose.rotations[joint] @ noise[joint]
    return Pose(out, pose.air, pose.clip)
