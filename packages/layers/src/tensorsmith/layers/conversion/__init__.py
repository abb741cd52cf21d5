"""Functions that convert trained models, for example for pruning or quantization-aware training."""
