"""Output layers with a loss or a decoder of their own."""
