"""tensorsmith.losses."""
