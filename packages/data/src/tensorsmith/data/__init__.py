"""tensorsmith.data."""
