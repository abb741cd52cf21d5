"""Registry and loaders of data sets, and the hosts that provide their files."""
