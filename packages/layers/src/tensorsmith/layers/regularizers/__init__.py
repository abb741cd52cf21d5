"""Regularizers that Keras lacks."""

from tensorsmith.layers.regularizers.kl_divergence_regularizer import KLDivergenceRegularizer

__all__ = ["KLDivergenceRegularizer"]
