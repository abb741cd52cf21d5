"""Internal helpers of the losses package."""
