"""The Lightning trainer over a stream of batches: devices, loggers, callbacks, resuming."""

import logging
import sys
import warnings
from pathlib import Path

import lightning
import torch
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

from densepose_mobile.train.data.stream import Stream
from densepose_mobile.train.engine.averaged import AveragedTask
from densepose_mobile.train.engine.checkpoint import PeriodicCheckpoint
from densepose_mobile.train.engine.evaluation import Examiner, PeriodicEvaluation
from densepose_mobile.train.engine.launch import Launch
from densepose_mobile.train.engine.progress import Progress
from densepose_mobile.train.engine.stopping import Stopping

__all__ = ["fit"]


def fit(
    task: AveragedTask,
    stream: Stream,
    out: Path,
    examiners: dict[str, Examiner],
    checkpoint: Path | None = None,
    launch: Launch | None = None,
) -> lightning.Trainer:
    """Run the Lightning trainer over a stream of batches, from a checkpoint if one is given.

    The stream has to be at the checkpoint's place. launch: the processes that train together; one if not given.
    """
    recipe = task.recipe
    launch = launch or Launch("cpu")
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    warnings.filterwarnings(
        "ignore",
        ".*persistent_workers|.*module\\(s\\) in eval mode|.*LeafSpec|.*did not find any unused parameters"
        "|.*Grad strides do not match",  # channels last: of 1 x 1 kernels the strides say nothing
    )
    begun = 0
    if checkpoint is not None:
        begun = int(torch.load(checkpoint, map_location="cpu", weights_only=False)["global_step"])
    trainer = lightning.Trainer(
        max_steps=recipe.optimisation.max_steps,
        max_epochs=-1,
        accumulate_grad_batches=recipe.optimisation.accumulate,
        logger=[
            CSVLogger(out / "logs", name="csv", version=f"from_{begun:07d}", flush_logs_every_n_steps=1),
            TensorBoardLogger(out / "logs", name="tensorboard", version=f"from_{begun:07d}"),
        ],
        callbacks=[
            PeriodicEvaluation(recipe.evaluation.every_steps, examiners),
            PeriodicCheckpoint(out, recipe.checkpoint_minutes, stream),
            Progress(recipe.evaluation.log_every_steps),
            Stopping(),
        ],
        enable_checkpointing=False,
        enable_progress_bar=sys.stderr.isatty(),
        enable_model_summary=False,
        **launch.trainer_options(recipe.precision),
    )
    trainer.fit(task, stream.loader(recipe.workers), ckpt_path=checkpoint, weights_only=False)
    return trainer
