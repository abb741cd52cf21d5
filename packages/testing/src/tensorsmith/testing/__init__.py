"""tensorsmith.testing."""
