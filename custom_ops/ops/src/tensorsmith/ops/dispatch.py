"""Dispatch between compiled kernels and reference implementations."""

import contextlib
import os
from collections.abc import Iterator

import tensorflow as tf

from tensorsmith.core import check
from tensorsmith.ops._internals import control_flow_context, exports_model
from tensorsmith.ops.library import library

CHOICES = ("compiled", "reference")
FLOATS = (tf.float32, tf.float16, tf.bfloat16)
MOST_DIMENSIONS = 8  # supported by the kernels

_choices = [os.environ.get("TENSORSMITH_OPS") or "compiled"]  # the last one is in effect
check(_choices[0] in CHOICES, "TENSORSMITH_OPS", _choices[0], " or ".join(CHOICES))


class _Choice(str):
    """Implementation name selected by a `use` block, compared by identity because blocks may exit in any order."""


@contextlib.contextmanager
def use(choice: str) -> Iterator[None]:
    """Context manager that selects compiled kernels or reference implementations for the ops in its block.

    A `tf.function` keeps the implementation it was traced with. The choice applies to the whole process, so that the
    threads of a distribution strategy follow it.

    Args:
        choice: `"compiled"` or `"reference"`. With `"compiled"`, compiled kernels are used if they support the device
            and the dtypes. With `"reference"`, the reference implementations in TensorFlow are always used, for example
            to export models or to compare results.

    Raises:
        ValueError: If `choice` is unknown.

    Example:
        >>> import tensorflow as tf
        >>> with use("reference"):
        ...     print(compiled(tf.ones(3)))
        False
    """
    check(choice in CHOICES, "choice", choice, " or ".join(CHOICES))
    mine = _Choice(choice)
    _choices.append(mine)
    try:
        yield
    finally:
        _choices[:] = [other for other in _choices if other is not mine]


def active() -> bool:
    """Returns `True` if compiled kernels are selected and loaded.

    Layers that use kernels support XLA only if the result is `False`.
    """
    return _choices[-1] == "compiled" and library().ops is not None


def compiled(*tensors: tf.Tensor, types: tuple[tf.DType, ...] = (tf.float32,)) -> bool:
    """Returns `True` if a compiled kernel supports the given tensors in the current context.

    Args:
        *tensors: Floating-point inputs of the op.
        types: Dtypes that the kernel supports.
    """
    return (
        active()
        and all(tensor.dtype in types and tensor.dtype == tensors[0].dtype for tensor in tensors)
        and all((tensor.shape.rank or 0) <= MOST_DIMENSIONS for tensor in tensors)
        and _on_cpu(tensors)
        and not traced_for_xla()
        and not (tf.inside_function() and exports_model())
    )


def _on_cpu(tensors: tuple[tf.Tensor, ...]) -> bool:
    # In a graph the device is known only if it was set explicitly, which matters if there are devices besides the CPU.
    if all(device.device_type == "CPU" for device in tf.config.get_visible_devices()):
        return True
    return all("CPU" in tensor.device for tensor in tensors)


def traced_for_xla() -> bool:
    """Returns `True` if the graph being traced will be compiled by XLA, which does not support the compiled kernels."""
    if tf.executing_eagerly():
        return False
    graph = tf.compat.v1.get_default_graph()
    while graph is not None:
        context = control_flow_context(graph)
        while context is not None:
            if context.IsXLAContext():
                return True
            context = context.outer_context
        graph = getattr(graph, "outer_graph", None)
    return False
