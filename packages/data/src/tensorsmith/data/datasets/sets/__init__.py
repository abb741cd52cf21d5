"""One file per data set: its description as `INFO`."""
