"""How long models take here, and what memory: each combination in processes of its own, the machine described."""

from densepose_mobile.bench.accuracy import ACCURACY_MEASURES, Accuracy, read_accuracy
from densepose_mobile.bench.case import MODES, Case, Effort, Measurement
from densepose_mobile.bench.machine import describe_machine
from densepose_mobile.bench.pictures import BenchPicture, bench_pictures
from densepose_mobile.bench.report import csv_text, row_of
from densepose_mobile.bench.runner import Failure, run_cases

__all__ = [
    "ACCURACY_MEASURES",
    "MODES",
    "Accuracy",
    "BenchPicture",
    "Case",
    "Effort",
    "Failure",
    "Measurement",
    "bench_pictures",
    "csv_text",
    "describe_machine",
    "read_accuracy",
    "row_of",
    "run_cases",
]
