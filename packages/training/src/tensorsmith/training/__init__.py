"""tensorsmith.training."""
