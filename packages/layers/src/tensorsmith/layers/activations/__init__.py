"""Activation functions that Keras lacks, implements incorrectly, or has with other defaults. Some are also layers."""

from tensorsmith.layers.activations.gelu import gelu
from tensorsmith.layers.activations.lisht import lisht
from tensorsmith.layers.activations.rrelu import rrelu
from tensorsmith.layers.activations.snake import snake
from tensorsmith.layers.activations.sparsemax import sparsemax

__all__ = ["gelu", "lisht", "rrelu", "snake", "sparsemax"]
