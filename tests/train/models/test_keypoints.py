from pathlib import Path

import numpy as np
import pytest
import torch

from densepose_mobile.errors import AssetError
from densepose_mobile.imaging import crop_input, load_image
from densepose_mobile.metrics.keypoints import KEYPOINT_NAMES
from densepose_mobile.train.models.keypoints import KeypointNet, load_keypoint_net
from densepose_mobile.train.models.movenet import WEIGHT_FILES

from .movenet_file import random_weights


class Scripted(KeypointNet):
    """Says what it is told."""

    def __init__(self, maps: dict[str, torch.Tensor]) -> None:
        super().__init__()
        self.script = maps

    def maps(self, crops: torch.Tensor) -> dict[str, torch.Tensor]:
        return self.script


def scripted(cells: int = 16) -> dict[str, torch.Tensor]:
    return {
        "center_0": torch.full((1, 1, cells, cells), -9.0),
        "kpt_heatmap_0": torch.full((1, 17, cells, cells), -9.0),
        "kpt_regress_0": torch.zeros(1, 34, cells, cells),
        "kpt_offset_0": torch.zeros(1, 34, cells, cells),
    }


def test_the_peak_near_the_persons_own_guess_wins() -> None:
    maps = scripted()
    maps["center_0"][0, 0, 8, 7] = 3.0
    maps["center_0"][0, 0, 0, 0] = 4.0  # somebody else, at the border
    maps["kpt_regress_0"][0, 10:12, 8, 7] = torch.tensor([-3.0, 2.0])  # the left shoulder: three up, two to the right
    maps["kpt_heatmap_0"][0, 5, 5, 10] = 2.0
    maps["kpt_heatmap_0"][0, 5, 14, 1] = 2.5  # somebody else's
    maps["kpt_offset_0"][0, 10:12, 5, 10] = torch.tensor([0.25, 0.5])
    found = Scripted(maps)(torch.zeros(1, 3, 64, 64))
    assert found.shape == (1, 17, 3)
    np.testing.assert_allclose(found[0, 5, :2], [4 * 10.5, 4 * 5.25])
    assert found[0, 5, 2] == torch.tensor(2.0).sigmoid()
    assert found[0, 6, 2] < 0.01


def test_any_crop_of_whole_cells_is_read() -> None:
    torch.manual_seed(0)
    maps = KeypointNet().eval().maps(torch.zeros(2, 3, 64, 64))
    assert [tuple(value.shape) for value in maps.values()] == [(2, c, 16, 16) for c in (1, 17, 34, 34)]


@pytest.mark.parametrize(("width", "heads"), [(1.0, 4), (1.5, 6), (1.75, 4)])
def test_a_file_of_any_width_gives_its_network(tmp_path: Path, width: float, heads: int) -> None:
    want = random_weights(tmp_path / "movenet.npz", width)
    net = load_keypoint_net(tmp_path / "movenet.npz")
    image = torch.rand(1, 3, 64, 64) * 2 - 1
    with torch.no_grad():
        found, expected = net.maps(image), want.maps(image)
    assert len(found) == heads
    for name, value in expected.items():
        assert value.std() > 0
        torch.testing.assert_close(found[name], value)


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="do not exist"):
        load_keypoint_net(tmp_path / "none.npz")
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    with pytest.raises(AssetError, match="no file of MoveNet weights"):
        load_keypoint_net(tmp_path / "other.npz")
    random_weights(tmp_path / "movenet.npz", 1.0)
    with np.load(tmp_path / "movenet.npz") as file:
        np.savez(tmp_path / "headless.npz", **{name: file[name] for name in file.files if "heatmap" not in name})
    with pytest.raises(AssetError, match=r"with its heads: .*heatmap"):
        load_keypoint_net(tmp_path / "headless.npz")


def test_joints_of_a_photo_lie_where_a_hand_drew_them(assets: Path) -> None:
    weights, photo = assets / "weights" / WEIGHT_FILES[1.75], assets / "photos_train" / "18f_andrew_hyder_photo.jpg"
    if not weights.is_file() or not photo.is_file():
        pytest.skip("the asset folder lacks the weights or the photo")
    from densepose_mobile.metrics import read_coco
    from densepose_mobile.train import recipes

    pictures = read_coco(Path(recipes.__file__).parent / "photos_train.json").pictures
    (person,) = next(p for p in pictures if p.file_name == photo.name).people[:1]
    assert person.keypoints is not None
    side = 1.2 * float((person.box[2:] - person.box[:2]).max())
    middle = (person.box[:2] + person.box[2:]) / 2
    crop, letterbox = crop_input(load_image(photo), np.concatenate([middle - side / 2, middle + side / 2]), 256)
    found = load_keypoint_net(weights)(torch.from_numpy(crop).permute(0, 3, 1, 2))[0].numpy()
    gap = np.hypot(*(letterbox.from_network(found[:, :2]) - person.keypoints[:, :2]).T) / side
    for name in ("nose", "left_shoulder", "right_shoulder"):
        assert gap[KEYPOINT_NAMES.index(name)] < 0.06, name
