"""Data sets: registry, loaders, and the hosts they come from."""
