"""Gradient processing before the optimizer update: deferral, all-reduce, accumulation and clipping."""
