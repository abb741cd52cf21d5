"""Weight constraints that Keras does not provide."""

from tensorsmith.layers.constraints.pruning_mask import PruningMask

__all__ = ["PruningMask"]
