import pytest

from densepose_mobile.errors import InputError
from densepose_mobile.metrics.traits import PersonTraits


def test_traits_survive_a_file_and_leave_out_what_nobody_knows():
    known = PersonTraits("anny", "anny_003", (-10.0, 5.0, 30.5, 45.0), height_m=1.2, age="child", skin_ita=-12.5)
    written = known.as_dict()
    assert written["full_box"] == [-10, 5, 40.5, 40]
    assert "weight" not in written
    assert PersonTraits.from_dict({**written, "mood": "good"}) == known
    assert PersonTraits().as_dict() == {}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("somebody", "not an object"),
        ({"height_m": "tall"}, "height_m = 'tall'"),
        ({"full_box": [1, 2, 3]}, r"full_box = \[1, 2, 3\]"),
        ({"skin_ita": [1]}, "skin_ita"),
    ],
)
def test_what_is_wrong_is_named(values, message):
    with pytest.raises(InputError, match=message):
        PersonTraits.from_dict(values)
