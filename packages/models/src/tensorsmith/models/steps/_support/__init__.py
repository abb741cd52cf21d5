"""Helpers of the models that override `train_step`."""
