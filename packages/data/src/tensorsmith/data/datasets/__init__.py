"""Registry and loaders of data sets, and the hosts that the files are fetched from."""
