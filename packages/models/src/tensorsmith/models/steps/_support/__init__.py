"""Helpers of models with a training step."""
