"""Networks in safetensors files: tensors plus one JSON header that says what they are and where they come from."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from densepose_mobile.errors import AssetError, InputError

__all__ = ["load_weights", "save_weights", "with_tuples"]

_KEY: Final = "densepose_mobile"

Network = TypeVar("Network", bound=nn.Module)


def save_weights(path: Path, network: nn.Module, header: dict[str, Any], half: bool = False) -> None:
    """Write a network's weights and the header under a temporary name, then rename."""
    kind = torch.float16 if half else torch.float32
    tensors = {name: value.detach().to(kind).contiguous().cpu() for name, value in network.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    save_file(tensors, partial, metadata={_KEY: json.dumps(header)})
    partial.chmod(0o644)  # safetensors writes for the owner alone
    partial.replace(path)


def load_weights(path: Path, kind: str, make: Callable[[dict[str, Any]], Network]) -> tuple[Network, dict[str, Any]]:
    """The network that `make` builds of the header, with its weights, in evaluation mode; and the header.

    kind: what the network is called, for messages.

    Raises:
        AssetError: no such file, not of that kind, or weights of another network.
    """
    if not path.is_file():
        raise AssetError(f"{kind} weights {path} do not exist; train them, or give the path of a .safetensors file")
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(_KEY)
            if text is None:
                raise AssetError(f"{path} has no densepose_mobile header: it is not a {kind}")
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise AssetError(f"{path} is not a safetensors file: {error}") from error
    try:
        header: dict[str, Any] = json.loads(text)
        network = make(header)
    except (InputError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise AssetError(
            f"{path} describes another network than this version's {kind}: {error!r}; "
            "use the version of densepose-mobile that it was trained with"
        ) from error
    expected = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in tensors.items()}
    wrong = [
        f"{name} is {found.get(name, 'missing')} instead of {expected.get(name, 'absent')}"
        for name in sorted(expected.keys() | found.keys())
        if expected.get(name) != found.get(name)
    ]
    if wrong:
        raise AssetError(
            f"{path} holds weights of another network: {len(wrong)} of {len(expected)} tensors differ, such as "
            f"{wrong[0]}; use the version of densepose-mobile that it was trained with"
        )
    network.load_state_dict(tensors)
    return network.eval(), header


def with_tuples(fields: dict[str, Any]) -> dict[str, Any]:
    """JSON knows lists only; the fields of frozen dataclasses are tuples."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}
