"""Layers around other layers or models."""
