"""Processing of gradients before the optimizer: deferral, all-reduce, accumulation and clipping."""
