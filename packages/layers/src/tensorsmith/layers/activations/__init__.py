"""Activation functions that Keras lacks or implements incorrectly. Some are also available as layers."""

from tensorsmith.layers.activations.lisht import lisht
from tensorsmith.layers.activations.rrelu import rrelu
from tensorsmith.layers.activations.snake import snake
from tensorsmith.layers.activations.sparsemax import sparsemax

__all__ = ["lisht", "rrelu", "snake", "sparsemax"]
