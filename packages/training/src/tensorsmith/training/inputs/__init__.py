"""Data sources that provide batches from arrays and datasets."""
