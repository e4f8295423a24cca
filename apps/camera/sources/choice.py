"""What a user can choose as a source, as a value that is compared, shown and opened."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

from densepose_mobile.apps.camera.sources.people import RenderedPeople
from densepose_mobile.apps.camera.sources.pictures import Pictures
from densepose_mobile.apps.camera.sources.protocol import Source
from densepose_mobile.apps.camera.sources.video import Video
from densepose_mobile.apps.camera.sources.webcam import Webcam
from densepose_mobile.cli.inputs import VIDEO_SUFFIXES
from densepose_mobile.errors import InputError
from densepose_mobile.imaging import PICTURE_SUFFIXES

__all__ = ["KINDS", "Choice", "Kind", "choice_for", "open_source"]

Kind = Literal["camera", "video", "pictures", "people"]


@dataclass(frozen=True)
class Choice:
    """One source, not opened yet."""

    kind: Kind
    value: str = ""  # a camera's number, a path; nothing for "people"

    @property
    def title(self) -> str:
        """For people."""
        if self.kind == "people":
            return RenderedPeople.title
        return f"Camera {self.value or 0}" if self.kind == "camera" else Path(self.value).name or self.value


KINDS: Final[Mapping[Kind, Callable[[str], Source]]] = MappingProxyType(
    {
        "camera": lambda value: Webcam(int(value or 0)),
        "video": lambda value: Video(Path(value)),
        "pictures": lambda value: Pictures(Path(value)),
        "people": lambda value: RenderedPeople(),
    }
)
"""How each kind is opened."""


def open_source(choice: Choice) -> Source:
    """Open it; this may take seconds. Raises InputError with the mend."""
    return KINDS[choice.kind](choice.value)


def choice_for(text: str) -> Choice:
    """The source that a user's word means: "people", "camera", a camera's number, or a path.

    Raises InputError for a path that is neither a folder nor a picture or video by its suffix.
    """
    word = text.strip()
    if word in ("", "people"):
        return Choice("people")
    if word == "camera" or word.isdecimal():
        return Choice("camera", word if word.isdecimal() else "0")
    try:
        path = Path(word).expanduser()
        if not path.exists():
            raise InputError(
                f'{word} does not exist: give "camera", "people", or the path of a video, picture or folder'
            )
    except (OSError, RuntimeError, ValueError) as error:  # a closed folder; ~ of nobody; a null character
        raise InputError(f"{word!r} cannot be looked at ({error}): choose another source") from None
    if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file():
        return Choice("video", str(path))
    if path.is_dir() or path.suffix.lower() in PICTURE_SUFFIXES:
        return Choice("pictures", str(path))
    known = " ".join(VIDEO_SUFFIXES + PICTURE_SUFFIXES)
    raise InputError(f"{word} is neither a folder nor a file that is known by its suffix ({known}): choose another one")
