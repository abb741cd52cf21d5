"""Regularizers that Keras does not provide."""

from tensorsmith.layers.regularizers.kl_divergence_regularizer import KLDivergenceRegularizer

__all__ = ["KLDivergenceRegularizer"]
