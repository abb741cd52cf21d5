"""Initializers that Keras lacks, and one that it does not save whole."""

from tensorsmith.layers.initializers.bilinear import Bilinear
from tensorsmith.layers.initializers.fixup import Fixup
from tensorsmith.layers.initializers.identity import Identity

__all__ = ["Bilinear", "Fixup", "Identity"]
