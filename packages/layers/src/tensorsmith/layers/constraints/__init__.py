"""Weight constraints in addition to those of Keras."""

from tensorsmith.layers.constraints.pruning_mask import PruningMask

__all__ = ["PruningMask"]
