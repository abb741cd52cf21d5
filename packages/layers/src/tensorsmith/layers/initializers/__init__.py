"""Initializers that Keras lacks."""

from tensorsmith.layers.initializers.bilinear import Bilinear

__all__ = ["Bilinear"]
