"""Internal helpers of the optimizers package."""
