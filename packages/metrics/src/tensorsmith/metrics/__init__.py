"""Keras 3 metrics."""

from tensorsmith.core import load_tensorflow

load_tensorflow()  # quietly, before anything imports it

from tensorsmith.metrics.huber_metric import HuberMetric

__all__ = ["HuberMetric"]
