"""The tables of `evaluate --slices`: one a way to part people, one row a class."""

from collections.abc import Iterator, Mapping

from rich.table import Table

from densepose_mobile.metrics import MEASURES, EvaluationReport
from densepose_mobile.metrics.slices import SLICED_MEASURES, SLICINGS

__all__ = ["slice_tables"]


def slice_tables(reports: Mapping[str, Mapping[str, EvaluationReport]]) -> Iterator[Table]:
    """reports: by slicing and class, as `metrics.slices.slice_report` gives them."""
    for slicing, classes in reports.items():
        table = Table(title=SLICINGS[slicing].title, box=None)
        table.add_column("people")
        table.add_column("of", justify="right")
        for name in SLICED_MEASURES:
            table.add_column(MEASURES[name].removeprefix("- "))
        for place, report in classes.items():
            figures = [str(report.measures.get(name, "")).replace("0.", ".") for name in SLICED_MEASURES]
            table.add_row(place, str(report.people), *figures)
        yield table
