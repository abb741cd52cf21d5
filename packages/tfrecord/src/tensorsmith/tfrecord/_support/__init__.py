"""Internal helpers of the tfrecord package."""
