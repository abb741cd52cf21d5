"""Helpers of the augmentations."""
