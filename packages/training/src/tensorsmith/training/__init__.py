"""Compiled training loop for Keras 3 models."""

from tensorsmith.core import load_tensorflow

load_tensorflow()  # without its start-up messages, before any other module imports it

from tensorsmith.training._export import export, export_once
from tensorsmith.training.callbacks import (
    AtBest,
    AverageModelCheckpoint,
    CleanScores,
    CollapseMonitor,
    Every,
    Moment,
    Profile,
    ResetStates,
    SampleGrid,
    TargetStopping,
    TimeStopping,
    ToTensorBoard,
    TQDMProgressBar,
    Unfreeze,
    dead_unit_fractions,
    reestimate_batch_norm,
    weight_statistics,
    write_projector,
)
from tensorsmith.training.checkpoint.checkpoints import Checkpoints
from tensorsmith.training.fit.chunks import NonFiniteLossError
from tensorsmith.training.fit.progress import ProgressBar
from tensorsmith.training.gradients.sharpness_aware import SharpnessAware
from tensorsmith.training.greedy_pretraining import pretrain_layers
from tensorsmith.training.lr_finder import LRFinder, LRSweep
from tensorsmith.training.trainer import Trainer

__all__ = [
    "AtBest",
    "AverageModelCheckpoint",
    "Checkpoints",
    "CleanScores",
    "CollapseMonitor",
    "Every",
    "LRFinder",
    "LRSweep",
    "Moment",
    "NonFiniteLossError",
    "Profile",
    "ProgressBar",
    "ResetStates",
    "SampleGrid",
    "SharpnessAware",
    "TQDMProgressBar",
    "TargetStopping",
    "TimeStopping",
    "ToTensorBoard",
    "Trainer",
    "Unfreeze",
    "dead_unit_fractions",
    "export",
    "export_once",
    "pretrain_layers",
    "reestimate_batch_norm",
    "weight_statistics",
    "write_projector",
]
