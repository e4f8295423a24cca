"""Golden vectors of the host steps: what the SDK computes between and after the graphs, for other languages to match.

Small, seeded, full of edges, and with no value so near a threshold that rounding decides. The committed copies under
apps/vectors/ are compared with a new run by the tests.
"""

from pathlib import Path
from typing import Final

from densepose_mobile.cli.outputs import write_together
from densepose_mobile.errors import OutputError
from densepose_mobile.export.box_cases import decode_cases, letterbox_cases, nms_cases, roi_cases, select_cases
from densepose_mobile.export.encoding import VectorFile
from densepose_mobile.export.look_cases import closer_cases, mirror_cases
from densepose_mobile.export.pixel_cases import byte_cases, people_cases, sample_cases, silhouette_cases

__all__ = ["golden_vectors", "write_vectors"]

_EXACT: Final = 1e-6  # the same operations in the same precision
_SUMS: Final = 1e-5  # float32 sums in another order
_SAMPLED: Final = 0.01  # OpenCV rounds to bytes in between, some versions to 1/32 px: 0.01 is 1.3 of 255 grey levels


def golden_vectors() -> tuple[VectorFile, ...]:
    """The vectors of every host step, in the order in which a picture passes them."""
    return (
        VectorFile("letterbox", "Mapping between picture and network px.", _EXACT, letterbox_cases()),
        VectorFile("sample", "Network input from a picture.", _SAMPLED, sample_cases()),
        VectorFile("decode", "Boxes and probabilities of detect's rows.", _EXACT, decode_cases()),
        VectorFile("nms", "Greedy suppression of boxes.", _EXACT, nms_cases()),
        VectorFile("select", "Which rows of detect are people.", _EXACT, select_cases()),
        VectorFile("rois", "RoIs, separable pooling weights, crops.", _EXACT, roi_cases()),
        VectorFile("closer", "Who is worth a look at a crop.", _EXACT, closer_cases()),
        VectorFile("mirror", "Mean of a look and of its mirror image.", _EXACT, mirror_cases()),
        VectorFile("silhouette", "Pixels of one person.", _SUMS, silhouette_cases()),
        VectorFile("people", "Part, U, V of all people, and IUV.", _SUMS, people_cases()),
        VectorFile("bytes", "U and V as bytes.", _EXACT, byte_cases()),
    )


def write_vectors(folder: Path) -> list[Path]:
    """Write every file of `golden_vectors` as STEP.json into a folder, all of them or none. Raises OutputError."""
    files = {folder / f"{file.step}.json": file.text().encode() for file in golden_vectors()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write into {folder} ({error.strerror or error}); choose another folder") from error
    write_together(files)
    return list(files)
