"""The training task of the inpainting network: surface points of annotated people, and nothing else."""

import copy
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from densepose_mobile.errors import InputError
from densepose_mobile.train.data.assets import asset_folder
from densepose_mobile.train.data.dataset import Batch
from densepose_mobile.train.engine.averaged import AveragedTask, network_tensor
from densepose_mobile.train.engine.recipe import Recipe
from densepose_mobile.train.losses.points import point_loss
from densepose_mobile.train.models.inpainting import InpaintingNet, load_inpainting, mask_planes, save_inpainting
from densepose_mobile.train.models.movenet import WEIGHT_FILES

__all__ = ["INPAINTING_NAME", "InpaintTask"]

INPAINTING_NAME: Final = "inpaint.safetensors"
"""The averaged network, for `data inpaint` and for `--init`."""


class InpaintTask(AveragedTask):
    """Trains the inpainting network on the batches of `PersonCrops`."""

    slow = ("backbone.", "pyramid.laterals.")
    averaged: InpaintingNet

    def __init__(self, recipe: Recipe, annotations: str) -> None:
        """annotations: sha256 of the file that is trained on, for the header of the weights."""
        super().__init__(recipe)
        plan = recipe.inpainting
        self.net = InpaintingNet(plan.width, plan.crops.size, plan.crops.margin).to(memory_format=torch.channels_last)
        self.net.backbone.freeze(recipe.optimisation.frozen_stages)
        self.averaged = copy.deepcopy(self.net).requires_grad_(False).eval()
        self._annotations = annotations

    @property
    def network(self) -> InpaintingNet:
        """The inpainting network."""
        return self.net

    def begin_from(self, path: Path) -> None:
        """Take weights over. Raises InputError when they are of another size."""
        net, _ = load_inpainting(path)
        if net.width != self.net.width:
            raise InputError(f"{path} is of width {net.width}; make `inpainting.width` in the recipe agree")
        self.net.load_state_dict(net.state_dict())

    def load_pretrained(self, weights: Path | None, assets: Path | None) -> None:
        """Start the backbone from MoveNet-Lightning's weights."""
        self.net.load_pretrained(weights or asset_folder(assets) / "weights" / WEIGHT_FILES[self.net.backbone.width])

    def save_weights(self, out: Path, header: dict[str, Any]) -> None:
        """Write the averaged network into the folder of the run."""
        data = {**header["data"], "annotations": self._annotations}
        save_inpainting(out / INPAINTING_NAME, self.averaged, {**header, "data": data})

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """Losses at the points of one batch of crops."""
        weights = self.recipe.losses
        maps = self.net(network_tensor(batch["crop_image"]), mask_planes(batch["crop_codes"]))
        losses = point_loss(maps, batch["crop_points"], batch["crop_image"].shape[1])
        return self.total({name: value * getattr(weights, name) for name, value in losses.items()})
