import pytest

from densepose_mobile.convert.card.markdown import figure, megabytes, ratio, table


@pytest.mark.parametrize(
    ("value", "sign", "text"),
    [
        (0.727, False, ".727"),
        (0.1475, False, ".148"),
        (1.0, False, "1.000"),
        (0.9999, False, "1.000"),
        (10.5, False, "10.500"),
        (0, False, ".000"),
        (-0.0325, True, "-.033"),
        (0.011, True, "+.011"),
    ],
)
def test_ratios(value: float, sign: bool, text: str) -> None:
    assert ratio(value, sign) == text


def test_figures_have_their_interval_where_there_is_one() -> None:
    assert figure({"value": 0.5, "low": 0.25, "high": 1.0}) == ".500 [.250, 1.000]"
    assert figure({"value": 0.5, "low": -0.25, "high": 0.75}, sign=True) == "+.500 [-.250, .750]"
    assert figure({"value": 0.5, "low": None, "high": None}) == ".500"
    assert figure({"value": None, "low": None, "high": None}) == figure(None) == ""


def test_megabytes_are_of_a_million() -> None:
    assert megabytes(2_388_224) == "2.39"


def test_tables_are_rectangular() -> None:
    assert table(["a", ""], [["x", 1], ["", ""]]) == ["| a | |", "|---|---|", "| x | 1 |", "| | |"]
    with pytest.raises(ValueError, match="1 cells in a table of 2"):
        table(["a", "b"], [["x"]])
