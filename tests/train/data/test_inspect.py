from collections.abc import Callable

import numpy as np

from densepose_mobile.train.data.inspect import panels
from densepose_mobile.train.data.records import Picture
from densepose_mobile.train.data.targets import Labeller


def test_panels_colour_people_alone(picture: Callable[..., Picture], plain_labels: Labeller) -> None:
    shown = picture(2, 96)
    plain, truth = panels(shown), panels(shown, plain_labels)
    assert plain.shape == (96, 4 * 96, 3)
    assert truth.shape == (96, 5 * 96, 3)
    mask = shown.instance > 0
    for panel in np.split(truth, 5, axis=1)[2:]:
        np.testing.assert_array_equal(panel[~mask], shown.image[~mask])
    parts = np.split(truth, 5, axis=1)[2]
    colours = {tuple(parts[mask & (shown.face == face)].mean(axis=0).round()) for face in (0, 8, 16)}
    assert len(colours) == 3
