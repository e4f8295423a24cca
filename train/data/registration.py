"""Registration of the avatars' common topology to the body template: one canonical point for each avatar vertex.

The template is brought into the avatars' T-pose, bone by bone at the avatars' joints. Then the mean of the tightly
dressed avatars is drawn onto it: nearest points with like normals on the matching body segment, under a Laplacian
prior that is loosened step by step (non-rigid iterative closest points; Amberg et al., CVPR 2007, in spirit).
"""

import logging
from typing import Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.errors import AssetError
from densepose_mobile.train.cache import cached_arrays
from densepose_mobile.train.data.avatars import AvatarLibrary
from densepose_mobile.train.data.bodies import BodyBank
from densepose_mobile.train.data.bodyrig import BodyRig
from densepose_mobile.train.data.hands import FINGERS
from densepose_mobile.train.data.nearest import SurfacePoints, inner_faces, vertex_normals
from densepose_mobile.train.data.retarget import Rig, bone_transforms, joint_rotations
from densepose_mobile.train.data.rotations import between
from densepose_mobile.train.data.segments import ARM_SEGMENTS, segments_of
from densepose_mobile.train.data.skinning import skin

__all__ = ["avatar_canonical", "template_in_t_pose"]

logger = logging.getLogger(__name__)

_FORMAT: Final = 2  # raised when the method changes
_STIFFNESS: Final = (300.0, 100.0, 40.0, 15.0, 6.0, 2.5, 1.0, 0.5, 0.5)


def template_in_t_pose(
    bank: BodyBank, library: AvatarLibrary, avatar_joints: NDArray[np.float32], avatar: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Vertices (13718, 3) m of the neutral body in the avatars' T-pose, its joints at theirs.

    avatar_joints: (56, 3) m. avatar: (21355, 3) m, vertices of that avatar.
    """
    top = float(avatar[:, 1].max())
    body = BodyRig(bank)
    rig, rest = body.rig, bank.joints[0]
    turn, goal = _matched(body, library.rig, avatar_joints)
    base = bank.base(0)
    scale = np.ones((len(rig.names), 3), np.float32)
    names = rig.names

    def at(name: str) -> int:
        return names.index(name)

    def theirs(name: str) -> NDArray[np.float32]:
        return avatar_joints[library.rig.index(name)]

    for side, word in (("L", "Left"), ("R", "Right")):
        for bone, child, joint, next_joint, axis in (
            ("upperarm01", "lowerarm01", "Arm", "ForeArm", 0),
            ("lowerarm01", "wrist", "ForeArm", "Hand", 0),
            ("wrist", "finger3-1", "Hand", "HandMiddle1", -1),
            ("upperleg01", "lowerleg01", "UpLeg", "Leg", 1),
            ("lowerleg01", "foot", "Leg", "Foot", 1),
        ):
            mine = np.linalg.norm(rest[at(f"{child}.{side}")] - rest[at(f"{bone}.{side}")])
            ratio = np.linalg.norm(theirs(word + next_joint) - theirs(word + joint)) / mine
            scale[at(f"{bone}.{side}"), slice(None) if axis < 0 else axis] = ratio
            if axis < 0:
                for number, name in enumerate(names):
                    if name.endswith(f".{side}") and name.startswith(("finger", "metacarpal")):
                        scale[number] = ratio
    hips = 0.5 * (rest[at("upperleg01.L")] + rest[at("upperleg01.R")])[1]
    trunk = (theirs("Neck")[1] - theirs("LeftUpLeg")[1]) / (rest[at("neck01")][1] - hips)
    for number, name in enumerate(names):
        if name.startswith(("root", "spine", "pelvis", "clavicle", "shoulder")):
            scale[number] = trunk
    crown = float(base[bank.body, 1].max())
    head = (top - theirs("Neck")[1]) / (crown - rest[at("neck01")][1])
    for number, name in enumerate(names):
        if name.startswith(("neck", "head", "eye")):
            scale[number] = head
    identity = np.broadcast_to(np.eye(3, dtype=np.float32), (22, 3, 3))
    turned = joint_rotations(rig, np.ascontiguousarray(identity))
    affine, place = bone_transforms(rig, rest, turned, scale, turn)
    thigh = 0.5 * (place[at("upperleg01.L")] + place[at("upperleg01.R")])
    offset = 0.5 * (theirs("LeftUpLeg") + theirs("RightUpLeg")) - thigh
    affine[..., 3] += offset
    _pin(affine, rest, rig, goal)
    posed = skin(base, body.weights, affine)[bank.body].astype(np.float64)
    segment = segments_of(rig, body.weights)[bank.body]
    arm = np.isin(segment, ARM_SEGMENTS)
    eye = affine[at("eye.L"), :, :3] @ rest[at("eye.L")] + affine[at("eye.L"), :, 3]
    return _fit_slices(posed, arm, avatar, (float(eye[1]), float(theirs("LeftEye")[1])))


def _matched(
    body: BodyRig, theirs: Rig, joints: NDArray[np.float32]
) -> tuple[NDArray[np.float32], dict[int, NDArray[np.float32]]]:
    """Rotations (J, 3, 3) from the body's rest pose to the avatars' T-pose, and where matching joints must lie."""
    names, rest = body.bank.bone_names, body.bank.joints[0]
    turn = body.straight(rest)
    goal: dict[int, NDArray[np.float32]] = {}
    for side, word in (("L", "Left"), ("R", "Right")):
        pairs = {"upperarm01": "Arm", "lowerarm01": "ForeArm", "wrist": "Hand", "upperleg01": "UpLeg",
                 "lowerleg01": "Leg", "foot": "Foot"}  # fmt: skip
        for number, finger in enumerate(FINGERS):
            for k in (1, 2, 3):
                pairs[f"finger{number + 1}-{k}"] = f"Hand{finger.capitalize()}{k}"
        for mine, other in pairs.items():
            goal[names.index(f"{mine}.{side}")] = joints[theirs.index(word + other)]
        for mine, child in [("upperarm01", "lowerarm01"), ("lowerarm01", "wrist"), ("upperleg01", "lowerleg01"),
                            ("lowerleg01", "foot")]:  # fmt: skip
            a, b = names.index(f"{mine}.{side}"), names.index(f"{child}.{side}")
            extra = between(turn[a] @ (rest[b] - rest[a]), goal[b] - goal[a])
            turn[a] = extra @ turn[a]
        for number in range(1, 6):
            for k in (1, 2, 3):
                a = names.index(f"finger{number}-{k}.{side}")
                if k < 3:
                    b = names.index(f"finger{number}-{k + 1}.{side}")
                    turn[a] = between(turn[a] @ (rest[b] - rest[a]), goal[b] - goal[a]) @ turn[a]
                else:
                    turn[a] = turn[names.index(f"finger{number}-2.{side}")]
    return turn, goal


def _pin(
    affine: NDArray[np.float32], rest: NDArray[np.float32], rig: Rig, goal: dict[int, NDArray[np.float32]]
) -> None:
    """Shift bones (in place) so that their joints lie where they must; joints without a goal follow their parent."""
    shift = np.zeros((len(rig.names), 3), np.float32)
    for joint in range(len(rig.names)):
        if joint in goal:
            shift[joint] = goal[joint] - (affine[joint, :, :3] @ rest[joint] + affine[joint, :, 3])
        elif rig.parents[joint] >= 0 and not rig.names[joint].startswith(("upperarm", "clavicle", "shoulder")):
            shift[joint] = shift[rig.parents[joint]]
    affine[: len(shift), :, 3] += shift
    for number, twist in enumerate(rig.twists):
        first = rig.twist_range(number)
        affine[first : first + 4, :, 3] += shift[twist.joint]


def _fit_slices(
    posed: NDArray[np.float64], arm: NDArray[np.bool_], avatar: NDArray[np.float64], eyes: tuple[float, float]
) -> NDArray[np.float64]:
    """Trunk, legs and head of `posed` with the width, depth and place of the avatar's level slices.

    arm: (V,) vertices of the arms, which stay. eyes: m, height of the eyes of `posed` and of the avatar.
    """
    out = posed.copy()
    top = float(avatar[:, 1].max())
    chin = eyes[1] - 0.5 * (top - eyes[1]) - 0.05
    head = posed[:, 1] > chin
    knots = ([chin, eyes[0], float(posed[:, 1].max())], [chin, eyes[1], top])
    out[head, 1] = np.interp(posed[head, 1], *knots)
    levels = np.arange(0.02, top, 0.03)
    crotch = 0.47 * top

    def box(points: NDArray[np.float64], level: float) -> NDArray[np.float64]:
        reach = 0.15 if level > crotch else 0.3
        rows = points[(np.abs(points[:, 1] - level) < 0.02) & (np.abs(points[:, 0]) < reach)]
        if level <= crotch:
            rows = rows[rows[:, 0] > 0]
        side = np.abs(rows[:, 0])
        low, high = np.percentile(rows[:, 2], [2, 98])
        inner, outer = (0.0, np.percentile(side, 98)) if level > crotch else np.percentile(side, [2, 98])
        return np.array([low, high, inner, outer])

    mine = np.array([box(out[~arm], level) for level in levels])
    theirs = np.array([box(avatar, level) for level in levels])
    kernel = np.array([1, 2, 3, 2, 1]) / 9
    for column in range(4):
        for table in (mine, theirs):
            table[:, column] = np.convolve(np.pad(table[:, column], 2, mode="edge"), kernel, mode="valid")
    at = [[np.interp(out[:, 1], levels, table[:, column]) for column in range(4)] for table in (mine, theirs)]
    (low, high, inner, outer), (low2, high2, inner2, outer2) = at
    z = low2 + (out[:, 2] - low) * (high2 - low2) / np.maximum(high - low, 0.02)
    side = inner2 + (np.abs(out[:, 0]) - inner) * (outer2 - inner2) / np.maximum(outer - inner, 0.02)
    trunk = ~arm & (out[:, 1] > 0.80 * top) & (out[:, 1] < chin)
    away = np.where(trunk, np.clip((np.abs(out[:, 0]) - 0.08) / 0.08, 0, 1), 0.0)  # shoulders: their joints fit already
    keep = np.where(arm, 1.0, away)
    out[:, 2] = keep * out[:, 2] + (1 - keep) * z
    sideways = np.where(out[:, 1] < crotch, 1.0, np.clip((0.80 * top - out[:, 1]) / 0.05, 0, 1)) * (1 - keep)
    out[:, 0] += sideways * (np.sign(out[:, 0]) * np.maximum(side, 0.0) - out[:, 0])
    return out


def avatar_canonical(library: AvatarLibrary, bank: BodyBank, template: NDArray[np.float32]) -> NDArray[np.float32]:
    """(21355, 3) m, template frame: the template point of every vertex of the avatars' common topology.

    template: (13718, 3) vertices of the body template. Takes about a minute once, then it is read from the cache.
    """
    data = cached_arrays(f"avatar-registration-{_FORMAT}-{library.stamp}", lambda: _register(library, bank))
    weights, corners = data["weights"].astype(np.float64), data["corners"]
    if len(corners) != library.num_vertices:
        raise AssetError(f"the cached registration has {len(corners)} vertices, the avatars {library.num_vertices}")
    return np.einsum("vk,vkc->vc", weights, template[corners].astype(np.float64)).astype(np.float32)


def _register(library: AvatarLibrary, bank: BodyBank) -> dict[str, NDArray[np.generic]]:
    from scipy.sparse import coo_matrix, diags, identity
    from scipy.sparse.linalg import splu

    logger.info("registering the avatars to the body template")
    tight = [name for name, entry in library.entries.items() if entry["outfit"] == "Default"]
    if not tight:
        raise AssetError("no avatar in the outfit 'Default'; copy valid_avatars again")
    mean = np.mean([library.vertices(name) for name in tight], 0).astype(np.float64)
    joints = np.mean([library.joints(name) for name in tight], 0).astype(np.float32)
    posed = template_in_t_pose(bank, library, joints, mean)
    body = BodyRig(bank)
    vertex_segment = segments_of(body.rig, body.weights)[bank.body]
    face_segment = np.sort(vertex_segment[bank.faces], axis=1)[:, 1]
    surface = SurfacePoints(posed, bank.faces, face_segment, ~inner_faces(posed, bank.faces) & _largest(bank.faces))
    trees = surface.trees()

    faces = library.faces
    segment = segments_of(library.rig, library.load(tight[0]).weights)
    count = len(mean)
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    ones = np.ones(len(edges))
    graph = coo_matrix((ones, (edges[:, 0], edges[:, 1])), (count, count)).tocsr()
    graph = ((graph + graph.T) > 0).astype(np.float64)
    laplacian = identity(count) - diags(1 / np.maximum(np.asarray(graph.sum(1)).ravel(), 1)) @ graph
    prior = (laplacian.T @ laplacian).tocsc()

    moved = mean.copy()
    for stiffness in _STIFFNESS:
        normals = vertex_normals(moved, faces)
        face, weights = trees.nearest(moved, normals, segment)
        goal = np.einsum("nk,nkc->nc", weights, posed[bank.faces[face]])
        facing = (vertex_normals(posed, bank.faces)[bank.faces[face]] * weights[..., None]).sum(1)
        trust = np.clip(((facing * normals).sum(1) - 0.2) / 0.6, 0, 1) + 1e-3
        trust *= 1 / (1 + (np.linalg.norm(goal - moved, axis=1) / 0.06) ** 2)
        system = (diags(trust) + stiffness * prior + 1e-6 * identity(count)).tocsc()
        solver = splu(system)
        moved = mean + solver.solve(trust[:, None] * (goal - mean))
        left = 1e3 * np.linalg.norm(goal - moved, axis=1).mean()
        logger.info("stiffness %g: %.1f mm to the template", stiffness, left)
    face, weights = trees.nearest(moved, vertex_normals(moved, faces), segment)
    return {"corners": bank.faces[face].astype(np.int32), "weights": weights.astype(np.float32)}


def _largest(faces: NDArray[np.int32]) -> NDArray[np.bool_]:
    """(F,) faces of the biggest connected piece: the skin without eyes and tongue."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    count = int(faces.max()) + 1
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]]])
    _, label = connected_components(coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), (count, count)))
    return np.asarray(label[faces[:, 0]] == np.bincount(label).argmax())
