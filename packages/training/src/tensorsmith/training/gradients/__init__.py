"""What happens to gradients before they reach the optimizer."""
