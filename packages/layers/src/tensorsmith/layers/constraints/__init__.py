"""Constraints that Keras lacks."""

from tensorsmith.layers.constraints.pruning_mask import PruningMask

__all__ = ["PruningMask"]
