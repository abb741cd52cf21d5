"""Activation functions that Keras does not have, or has with errors. Some are also layers."""

from tensorsmith.layers.activations.lisht import lisht
from tensorsmith.layers.activations.rrelu import rrelu
from tensorsmith.layers.activations.snake import snake
from tensorsmith.layers.activations.sparsemax import sparsemax

__all__ = ["lisht", "rrelu", "snake", "sparsemax"]
