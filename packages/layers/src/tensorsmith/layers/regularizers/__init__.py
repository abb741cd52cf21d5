"""Regularizers that Keras does not have."""

from tensorsmith.layers.regularizers.kl_divergence_regularizer import KLDivergenceRegularizer

__all__ = ["KLDivergenceRegularizer"]
