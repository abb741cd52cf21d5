"""Models with a training step of their own, which consist of several networks."""
