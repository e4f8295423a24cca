"""Markdown of figures and tables, written as README writes them."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

__all__ = ["figure", "megabytes", "ratio", "table"]


def ratio(value: float, sign: bool = False) -> str:
    """Three places without the zero before the point: ".727", "+.011". Halves of the last place are rounded up."""
    rounded = Decimal(str(value)).quantize(Decimal("0.001"), ROUND_HALF_UP)
    text = f"{rounded:+}" if sign else f"{rounded}"
    return text.replace("0.", ".", 1) if abs(rounded) < 1 else text


def figure(measure: Mapping[str, Any] | None, sign: bool = False) -> str:
    """A measure or a difference of a results file with its interval: ".727 [.583, .895]"; nothing for None."""
    if measure is None or measure.get("value") is None:
        return ""
    ends = [measure["low"], measure["high"]]
    if None in ends:
        return ratio(measure["value"], sign)
    return f"{ratio(measure['value'], sign)} [{ratio(ends[0])}, {ratio(ends[1])}]"


def megabytes(count: int) -> str:
    """Bytes as megabytes of a million, two places."""
    return f"{count / 1e6:.2f}"


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    """Lines of a table. Raises ValueError for a row of another length."""
    lines = [_row(head), "|---" * len(head) + "|"]
    for row in rows:
        if len(row) != len(head):
            raise ValueError(f"a row of {len(row)} cells in a table of {len(head)} columns: {row}")
        lines.append(_row(row))
    return lines


def _row(cells: Sequence[Any]) -> str:
    return "".join(f"| {cell} " if cell != "" else "| " for cell in cells) + "|"
