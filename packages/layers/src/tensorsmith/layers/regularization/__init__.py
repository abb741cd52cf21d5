"""Dropout layers and penalties."""
