"""tensorsmith.metrics."""
