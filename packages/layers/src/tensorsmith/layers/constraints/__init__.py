"""Constraints that Keras does not have."""

from tensorsmith.layers.constraints.pruning_mask import PruningMask

__all__ = ["PruningMask"]
