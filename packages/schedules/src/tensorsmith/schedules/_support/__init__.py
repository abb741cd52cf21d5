"""Support modules of the schedules."""
