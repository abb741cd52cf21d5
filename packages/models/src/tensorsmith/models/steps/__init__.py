"""Models that consist of several networks and override `train_step`."""
