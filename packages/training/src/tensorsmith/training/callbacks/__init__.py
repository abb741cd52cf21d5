"""Callbacks for periodic and conditional actions, early stopping, diagnostics and progress."""

from tensorsmith.training.callbacks.at_best import AtBest
from tensorsmith.training.callbacks.average_model_checkpoint import AverageModelCheckpoint
from tensorsmith.training.callbacks.clean_scores import CleanScores
from tensorsmith.training.callbacks.collapse_monitor import CollapseMonitor
from tensorsmith.training.callbacks.every import Every, Moment
from tensorsmith.training.callbacks.profile import Profile
from tensorsmith.training.callbacks.reestimate_batch_norm import reestimate_batch_norm
from tensorsmith.training.callbacks.reset_states import ResetStates
from tensorsmith.training.callbacks.sample_grid import SampleGrid
from tensorsmith.training.callbacks.statistics import ToTensorBoard, dead_unit_fractions, weight_statistics
from tensorsmith.training.callbacks.target_stopping import TargetStopping
from tensorsmith.training.callbacks.time_stopping import TimeStopping
from tensorsmith.training.callbacks.tqdm_progress_bar import TQDMProgressBar
from tensorsmith.training.callbacks.unfreeze import Unfreeze
from tensorsmith.training.callbacks.write_projector import write_projector

__all__ = [
    "AtBest",
    "AverageModelCheckpoint",
    "CleanScores",
    "CollapseMonitor",
    "Every",
    "Moment",
    "Profile",
    "ResetStates",
    "SampleGrid",
    "TQDMProgressBar",
    "TargetStopping",
    "TimeStopping",
    "ToTensorBoard",
    "Unfreeze",
    "dead_unit_fractions",
    "reestimate_batch_norm",
    "weight_statistics",
    "write_projector",
]
