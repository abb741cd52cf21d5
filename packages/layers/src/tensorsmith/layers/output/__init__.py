"""Output layers with their own loss or decoder."""
