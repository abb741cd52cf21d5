"""Regularizers in addition to those of Keras."""

from tensorsmith.layers.regularizers.kl_divergence_regularizer import KLDivergenceRegularizer

__all__ = ["KLDivergenceRegularizer"]
