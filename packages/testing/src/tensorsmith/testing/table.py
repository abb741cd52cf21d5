"""Table of conformance checks, which specifies the types of rows and the conditions to which each check applies."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from keras import tree

from tensorsmith.testing.checks.arguments import bad_arguments, bad_shapes, mismatched_shapes
from tensorsmith.testing.checks.batching import batches_add_up
from tensorsmith.testing.checks.combinations import combinations
from tensorsmith.testing.checks.config import config_round_trip
from tensorsmith.testing.checks.distribution import mirrored_strategy
from tensorsmith.testing.checks.export import savedmodel_export
from tensorsmith.testing.checks.function import eager_equals_function, jit
from tensorsmith.testing.checks.gradients import gradients
from tensorsmith.testing.checks.masks import mask_passed, mask_used
from tensorsmith.testing.checks.models import image_sizes, parameter_counts, training_step
from tensorsmith.testing.checks.numbers import integer_inputs, numpy_scalars
from tensorsmith.testing.checks.precision import mixed_bfloat16, mixed_float16
from tensorsmith.testing.checks.saving import save_and_load
from tensorsmith.testing.checks.shapes import unknown_batch_size, unknown_time_size
from tensorsmith.testing.checks.weighting import sample_weight
from tensorsmith.testing.rows import (
    BatchRow,
    LayerRow,
    LossRow,
    MetricRow,
    ModelRow,
    OptimizerRow,
    Row,
    ScheduleRow,
)

EVERY = (LayerRow, LossRow, MetricRow, ScheduleRow, OptimizerRow)


@dataclass(frozen=True)
class Check:
    """Conformance check, and the rows of the table to which it applies.

    Args:
        run: Function that takes a row and raises ConformanceError if the component fails the check.
        kinds: Types of rows that the check supports.
        trait: Function that takes a row of a supported type and returns `True` if the check applies to it.
        two_cpus: If `True`, the check requires a process in which TensorFlow has two logical CPUs.
        slow: Function that takes a row and returns `True` if the check of this row has the pytest marker `slow`. The
            checks of the first row in a file never have this marker.
    """

    run: Callable[[Any], None]
    kinds: tuple[type[Row], ...] = EVERY
    trait: Callable[[Any], bool] = lambda row: True
    two_cpus: bool = False
    slow: Callable[[Any], bool] = lambda row: False


def _is_layer(row: Row) -> bool:
    return isinstance(row, LayerRow)


def _has_time(row: Row) -> bool:
    return isinstance(row, LayerRow) and row.time_axis is not None


def _is_random(row: Row) -> bool:  # compared by statistics over 100 calls
    return isinstance(row, LayerRow) and row.random


def _has_numbers(row: Row) -> bool:
    # Functions may pass numbers on to components of Keras, which refuse NumPy scalars.
    numbers = [value for value in tree.flatten(dict(row.kwargs)) if type(value) in (int, float)]
    return inspect.isclass(row.make) and row.supports_numpy_scalars and bool(numbers)


def _has_floats(row: LayerRow) -> bool:
    return any("float" in data.dtype for data in tree.flatten(row.arguments))


CHECKS = {
    check.run.__name__: check
    for check in (
        Check(bad_arguments, (*EVERY, ModelRow), lambda row: bool(row.bad)),
        Check(bad_shapes, (BatchRow,), lambda row: bool(row.bad_shapes)),
        Check(mismatched_shapes, (LossRow, MetricRow), lambda row: row.compares_shapes and bool(row.y_pred)),
        Check(config_round_trip),
        # `unknown_batch_size` compares metrics and deterministic layers with a function as well.
        Check(eager_equals_function, slow=lambda row: isinstance(row, LayerRow | MetricRow) and not _is_random(row)),
        Check(combinations, (BatchRow,), slow=lambda row: True),
        Check(save_and_load, (*EVERY, ModelRow), slow=lambda row: isinstance(row, ModelRow)),
        Check(mixed_float16, slow=_is_random),
        Check(mixed_bfloat16, (*EVERY, ModelRow), slow=lambda row: True),
        Check(mirrored_strategy, two_cpus=True, slow=lambda row: True),
        Check(numpy_scalars, (BatchRow, ScheduleRow), _has_numbers, slow=_is_layer),
        Check(integer_inputs, (LayerRow,), lambda row: row.supports_integers and _has_floats(row), slow=_is_layer),
        # `unknown_time_size` varies the batch size as well.
        Check(unknown_batch_size, (BatchRow,), slow=_has_time),
        Check(batches_add_up, (MetricRow,)),
        Check(sample_weight, (MetricRow,), lambda row: row.weighted),
        Check(gradients, (LayerRow, LossRow), lambda row: not getattr(row, "straight_through", False)),
        Check(jit, (LayerRow,), lambda row: row.supports_jit, slow=lambda row: True),
        Check(savedmodel_export, (LayerRow, ModelRow), slow=lambda row: True),
        Check(unknown_time_size, (LayerRow,), _has_time),
        Check(mask_passed, (LayerRow,), lambda row: row.passes_mask),
        Check(training_step, (ModelRow,), slow=lambda row: True),
        Check(image_sizes, (ModelRow,), slow=lambda row: True),
        Check(parameter_counts, (ModelRow,), lambda row: bool(row.counts), slow=lambda row: True),
        Check(mask_used, (LayerRow,), lambda row: row.uses_mask),
    )
}
