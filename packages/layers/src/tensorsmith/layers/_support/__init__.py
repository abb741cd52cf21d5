"""Internal helpers of the layers package."""
