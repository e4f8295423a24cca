"""The Lightning trainer over a stream of batches: loggers, callbacks, resuming."""

import logging
import sys
import warnings
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from torch.utils.data import DataLoader, IterableDataset

from densepose_mobile.train.data.dataset import Batch
from densepose_mobile.train.engine.averaged import AveragedTask
from densepose_mobile.train.engine.checkpoint import PeriodicCheckpoint
from densepose_mobile.train.engine.evaluation import Examiner, PeriodicEvaluation
from densepose_mobile.train.engine.progress import Progress

__all__ = ["fit"]


def fit(
    task: AveragedTask,
    stream: IterableDataset[Batch],
    out: Path,
    examiners: dict[str, Examiner],
    checkpoint: Path | None = None,
    workers: int = 1,
) -> lightning.Trainer:
    """Run the Lightning trainer over a stream of batches, from a checkpoint if one is given."""
    recipe = task.recipe
    loader: DataLoader[Any] = DataLoader(
        stream,
        batch_size=None,
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        multiprocessing_context="spawn" if workers else None,
    )
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", ".*persistent_workers|.*module\\(s\\) in eval mode|.*LeafSpec")
    begun = 0
    if checkpoint is not None:
        begun = int(torch.load(checkpoint, map_location="cpu", weights_only=False)["global_step"])
    trainer = lightning.Trainer(
        accelerator="cpu",
        devices=1,
        max_steps=recipe.optimisation.max_steps,
        max_epochs=-1,
        logger=[
            CSVLogger(out / "logs", name="csv", version=f"from_{begun:07d}", flush_logs_every_n_steps=1),
            TensorBoardLogger(out / "logs", name="tensorboard", version=f"from_{begun:07d}"),
        ],
        callbacks=[
            PeriodicEvaluation(recipe.evaluation.every_steps, examiners),
            PeriodicCheckpoint(out, recipe.checkpoint_minutes),
            Progress(recipe.evaluation.log_every_steps),
        ],
        enable_checkpointing=False,
        enable_progress_bar=sys.stderr.isatty(),
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    trainer.fit(task, loader, ckpt_path=checkpoint, weights_only=False)
    return trainer
