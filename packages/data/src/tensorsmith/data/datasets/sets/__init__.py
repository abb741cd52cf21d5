"""One module per data set, with its description in `INFO`."""
