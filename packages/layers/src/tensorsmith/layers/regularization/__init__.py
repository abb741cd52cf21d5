"""Dropout and penalties."""
