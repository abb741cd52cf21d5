"""Support modules of the metrics."""
