"""Helpers of the layers."""
