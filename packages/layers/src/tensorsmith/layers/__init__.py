"""tensorsmith.layers."""
