"""Helpers that are shared by the whole package."""
