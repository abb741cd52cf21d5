"""Internal helpers of the layers."""
