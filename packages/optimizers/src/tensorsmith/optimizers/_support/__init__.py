"""Support modules of the optimizers."""
