"""Definitions of the data sets: one module per data set, with its description in `INFO`."""
