"""The process of one case: reads the case from stdin, writes what it measured to stdout, both as JSON.

python -m densepose_mobile.bench.child < case.json
"""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from densepose_mobile.bench.case import Case, Effort
from densepose_mobile.bench.measure import measure
from densepose_mobile.errors import DensePoseError

__all__ = ["answer"]


def answer(question: Mapping[str, Any]) -> dict[str, Any]:
    """{"case", "pictures", "effort"} -> {"measurement"}, or {"error"} where the case cannot run."""
    case, effort = Case(**question["case"]), Effort(**question["effort"])
    try:
        return {"measurement": asdict(measure(case, [Path(path) for path in question["pictures"]], effort))}
    except DensePoseError as error:
        return {"error": str(error)}


if __name__ == "__main__":
    # What a runtime prints goes to stderr, so that stdout holds the answer alone.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as stdout:
        os.dup2(2, 1)
        json.dump(answer(json.load(sys.stdin)), stdout)
