"""Helpers of the losses."""
