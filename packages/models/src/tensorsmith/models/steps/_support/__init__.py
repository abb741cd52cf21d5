"""Helpers of the models with a training step of their own."""
