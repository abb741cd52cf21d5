"""Weight initializers that Keras lacks or does not serialize completely."""

from tensorsmith.layers.initializers.bilinear import Bilinear
from tensorsmith.layers.initializers.fixup import Fixup
from tensorsmith.layers.initializers.identity import Identity

__all__ = ["Bilinear", "Fixup", "Identity"]
