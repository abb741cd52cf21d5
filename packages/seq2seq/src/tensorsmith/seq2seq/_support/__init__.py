"""Helpers of this package."""
