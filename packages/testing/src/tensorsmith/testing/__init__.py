"""Conformance tests for Keras 3 components: a table of components, and the checks that each of them must pass."""

from tensorsmith.testing.argument_errors import raises_argument_error
from tensorsmith.testing.errors import ConformanceError
from tensorsmith.testing.rows import Data, LayerRow, LossRow, MetricRow, ModelRow, OptimizerRow, ScheduleRow
from tensorsmith.testing.running import checks_for, run_check

__all__ = [
    "ConformanceError",
    "Data",
    "LayerRow",
    "LossRow",
    "MetricRow",
    "ModelRow",
    "OptimizerRow",
    "ScheduleRow",
    "checks_for",
    "raises_argument_error",
    "run_check",
]
