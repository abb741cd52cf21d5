"""Internal helpers of the training package."""
