"""Helpers of the functions for boxes."""
