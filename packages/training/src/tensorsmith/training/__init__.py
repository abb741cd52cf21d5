"""A compiled training loop over any Keras 3 model."""

from tensorsmith.core import load_tensorflow

load_tensorflow()  # quietly, before anything else imports it

from tensorsmith.training.export import export
from tensorsmith.training.progress import ProgressBar
from tensorsmith.training.trainer import NonFiniteLossError, Trainer

__all__ = ["NonFiniteLossError", "ProgressBar", "Trainer", "export"]
