"""Support modules of the losses."""
