"""Functions that convert trained models."""
