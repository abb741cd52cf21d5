"""tensorsmith.schedules."""
