"""Internal helpers of the schedules package."""
