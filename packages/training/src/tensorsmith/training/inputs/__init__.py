"""Sources of batches, from arrays and datasets."""
