"""Layers for generative models."""
