"""Looking through folders for a file of some kinds; plain Python under the window's file browser."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Entry", "entries"]


@dataclass(frozen=True)
class Entry:
    """A line of a folder's listing."""

    path: Path
    is_folder: bool

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.path.name}/" if self.is_folder else self.path.name


def entries(folder: Path, suffixes: Sequence[str]) -> list[Entry]:
    """Folders, then files with one of the suffixes, by name; nothing hidden, and nothing of a closed folder."""
    try:
        found = [Entry(path, path.is_dir()) for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError:
        return []
    wanted = [entry for entry in found if entry.is_folder or entry.path.suffix.lower() in suffixes]
    return sorted(wanted, key=lambda entry: (not entry.is_folder, entry.path.name.casefold()))
