"""Output layers with a built-in loss or decoder."""
