"""Activations that Keras lacks, or has wrong, as functions; some are layers of `tensorsmith.layers`, too."""

from tensorsmith.layers.activations.lisht import lisht
from tensorsmith.layers.activations.rrelu import rrelu
from tensorsmith.layers.activations.snake import snake
from tensorsmith.layers.activations.sparsemax import sparsemax

__all__ = ["lisht", "rrelu", "snake", "sparsemax"]
