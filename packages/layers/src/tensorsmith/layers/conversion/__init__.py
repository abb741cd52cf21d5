"""Functions that convert trained models, such as pruning and quantization-aware training."""
