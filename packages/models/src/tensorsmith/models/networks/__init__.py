"""Builders of functional Keras models, one file per architecture."""
