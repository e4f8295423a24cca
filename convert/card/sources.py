"""Where a card's figures come from: one model's bundles, and the results files that are about them."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from densepose_mobile.bundle import Bundle, Manifest, registered
from densepose_mobile.errors import InputError

__all__ = ["CardBundle", "Sources"]


@dataclass(frozen=True)
class CardBundle:
    """One bundle of the model."""

    label: str  # what it was given as: a shipped name, or a path
    manifest: Manifest
    sha256: str  # of the file
    size: int  # bytes of the file
    files: Mapping[str, int]  # bytes of each that holds graphs

    @classmethod
    def open(cls, model: str) -> "CardBundle":
        """model: a path, or the name of a shipped bundle. Raises BundleError."""
        bundle = Bundle.open(model)
        data = registered().get(model, Path(model)).read_bytes()
        return cls(model, bundle.manifest, hashlib.sha256(data).hexdigest(), len(data), bundle.file_bytes)


@dataclass
class Sources:
    """A model's bundles and the folder of results files. What is not there, or about another model, is remembered.

    root: folder that files are named from, such as the repository's. card: the card's own path, for links.
    """

    bundles: Sequence[CardBundle]
    results: Path
    card: Path
    root: Path
    missing: dict[str, str] = field(default_factory=dict)  # section -> what to run

    def __post_init__(self) -> None:
        """Refuse bundles of several models."""
        weights = {bundle.manifest.provenance.get("checkpoint_sha256") for bundle in self.bundles}
        if len(weights) != 1:
            raise InputError(
                f"bundles of {len(weights)} models: {', '.join(bundle.label for bundle in self.bundles)}; "
                "a card is of one, so give bundles of the same weights"
            )

    @property
    def first(self) -> CardBundle:
        """The bundle that the card is about above all."""
        return self.bundles[0]

    @property
    def checkpoint(self) -> str:
        """Sha256 of the weights."""
        return str(self.first.manifest.provenance.get("checkpoint_sha256"))

    def read(self, name: str) -> dict[str, Any] | None:
        """A results file, None where there is none. Raises InputError for what is no JSON object."""
        path = self.results / name
        if not path.is_file():
            return None
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise InputError(f"{path} is no results file ({error}); make it again") from error
        if not isinstance(content, dict):
            raise InputError(f"{path} holds a JSON {type(content).__name__}, not an object; make it again")
        return content

    def about_first(self, name: str) -> dict[str, Any] | None:
        """A results file of `evaluate`, or a look by eye, of the first bundle; None where it is about another."""
        content = self.read(name)
        model = {} if content is None else content.get("model")
        ours = isinstance(model, dict) and model.get("sha256") == self.first.sha256
        return content if ours else None

    def miss(self, section: str, command: str) -> list[str]:
        """Remember a section that is left out and what would make its figures. Returns no lines."""
        self.missing[section] = command
        return []

    def link(self, path: Path | str, text: str | None = None) -> str:
        """Markdown link from the card to a file named from the root."""
        path = Path(path)
        shown = text or path.as_posix()
        return f"[{shown}]({Path(os.path.relpath(self.root / path, self.card.parent)).as_posix()})"

    def named(self, name: str, content: Mapping[str, Any]) -> str:
        """One line that names a results file and the command that made it."""
        path = Path(os.path.relpath(self.results / name, self.root))
        return f"{self.link(path)}: `{content['command']}`"
