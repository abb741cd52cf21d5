"""Internal helpers of the metrics package."""
