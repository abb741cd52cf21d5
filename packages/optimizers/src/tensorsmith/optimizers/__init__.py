"""Keras 3 optimizers that update all variables in one compiled op."""

from tensorsmith.core import load_tensorflow

load_tensorflow()  # quietly, before anything imports it

from tensorsmith.optimizers.adamw import AdamW
from tensorsmith.optimizers.lamb import Lamb
from tensorsmith.optimizers.sgd import SGD

__all__ = ["SGD", "AdamW", "Lamb"]
