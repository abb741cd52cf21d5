"""Densely connected layers."""
