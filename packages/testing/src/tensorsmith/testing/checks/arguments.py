"""Conformance checks for error messages about invalid arguments and shapes."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tensorsmith.testing.errors import ConformanceError, expect
from tensorsmith.testing.rows import Data, LayerRow, LossRow, MetricRow, Row
from tensorsmith.testing.using import examples, make


def bad_arguments(row: Row) -> None:
    """Checks that invalid arguments raise a ValueError that states the name, the received and the expected value."""
    for replaced, fragment in row.bad:
        call = f"{row.title}({', '.join(f'{name}={value!r}' for name, value in replaced.items())})"
        try:
            row.make(**{**row.kwargs, **replaced})
        except ValueError as error:
            message = str(error)
        else:
            raise ConformanceError(f"{call} did not raise a ValueError with {fragment!r}.")
        expect(fragment in message, f"{call} raises {message!r}, which lacks {fragment!r}.")
        named = [name for name in replaced if name in message]
        expect(bool(named), f"{call} raises {message!r}, which names none of the arguments {list(replaced)}.")
        expect(
            any(repr(replaced[name]) in message for name in named),
            f"{call} raises {message!r}, which does not show the value it received.",
        )
        says = any(word in message.lower() for word in ("must", "expected"))
        expect(says, f"{call} raises {message!r}, which does not say what is expected.")


def bad_shapes(row: LayerRow | LossRow | MetricRow) -> None:
    """Checks that inputs with incompatible shapes raise a ValueError instead of being broadcast."""
    for replaced, shapes, fragment in row.bad_shapes:
        component = row.make(**{**row.kwargs, **replaced})
        call = f"{row.title} with {dict(replaced)}, called with the shapes {list(shapes)},"
        try:
            if isinstance(row, LayerRow):
                row.outputs(component, *_symbolic(row, shapes))
            else:
                _zeros_into(row, component, shapes)
        except ValueError as error:
            expect(fragment in str(error), f"{call} raises {str(error)!r}, which lacks {fragment!r}.")
        else:
            raise ConformanceError(f"{call} did not raise a ValueError with {fragment!r}.")


def mismatched_shapes(row: LossRow | MetricRow) -> None:
    """Checks that targets, predictions and weights of different batch sizes raise an error, without broadcasting."""
    large, small = examples(row), examples(row, batch=1)
    batches = [(large[0], small[1]), (small[0], large[1])]
    if isinstance(row, MetricRow) and row.weighted:
        batches.append((*large[:2], large[-1][:3]))
    for arrays in batches:
        component = make(row)
        shapes = [array.shape for array in arrays]
        try:
            (component if isinstance(row, LossRow) else component.update_state)(*arrays)
        except (ValueError, tf.errors.InvalidArgumentError):
            continue
        raise ConformanceError(f"inputs of the shapes {shapes} did not raise an error. Compare their shapes first.")


def _symbolic(row: LayerRow, shapes: Any) -> Any:
    """Returns symbolic input tensors of the given shapes, in which dimensions may be unknown."""
    types = iter([data.dtype for data in keras.tree.flatten(row.arguments)])
    return keras.tree.map_shape_structure(lambda shape: keras.KerasTensor(shape, next(types, "float32")), shapes)


def _zeros_into(row: LossRow | MetricRow, component: Any, shapes: Any) -> None:
    inputs = [data for data in (row.y_true, row.y_pred, Data(())) if data]
    arrays = [np.zeros(shape, data.dtype) for shape, data in zip(shapes, inputs, strict=False)]
    (component if isinstance(row, LossRow) else component.update_state)(*arrays)
