"""Where compiled kernels serve, and where their reference twins do: decided here and nowhere else."""

import contextlib
import os
from collections.abc import Iterator

import tensorflow as tf

from tensorsmith.core import check
from tensorsmith.ops.library import library

CHOICES = ("compiled", "reference")
FLOATS = (tf.float32, tf.float16, tf.bfloat16)
MOST_DIMENSIONS = 8  # that the kernels take

_choices = [os.environ.get("TENSORSMITH_OPS") or "compiled"]  # the last one holds
check(_choices[0] in CHOICES, "TENSORSMITH_OPS", _choices[0], " or ".join(CHOICES))


class _Choice(str):
    """One block's choice, which ends with its block, in whatever order those of several threads end."""


@contextlib.contextmanager
def use(choice: str) -> Iterator[None]:
    """Chooses who computes the ops called or traced in this block.

    A `tf.function` keeps what it was traced with. The choice is the whole process's, so that the threads of a
    distribution strategy follow it.

    Args:
        choice: "compiled" takes the compiled kernels wherever there are some for the device and the types; "reference"
            takes plain TensorFlow always, for exported models and for comparisons.

    Raises:
        ValueError: Another choice.

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
    """Whether compiled kernels are chosen and loaded; layers on kernels support XLA only where they are not."""
    return _choices[-1] == "compiled" and library().ops is not None


def compiled(*tensors: tf.Tensor, types: tuple[tf.DType, ...] = (tf.float32,)) -> bool:
    """Whether a compiled kernel serves for these tensors here.

    Args:
        *tensors: The op's inputs of floating type.
        types: The types the kernel has.
    """
    return (
        active()
        and all(tensor.dtype in types and tensor.dtype == tensors[0].dtype for tensor in tensors)
        and all((tensor.shape.rank or 0) <= MOST_DIMENSIONS for tensor in tensors)
        and _on_cpu(tensors)
        and not traced_for_xla()
    )


def _on_cpu(tensors: tuple[tf.Tensor, ...]) -> bool:
    # In a graph the device is known only if it was asked for, which matters where there is another than the CPU.
    if all(device.device_type == "CPU" for device in tf.config.get_visible_devices()):
        return True
    return all("CPU" in tensor.device for tensor in tensors)


def traced_for_xla() -> bool:
    """Whether the graph being traced is going to be compiled by XLA, which has no use for compiled kernels."""
    if tf.executing_eagerly():
        return False
    graph = tf.compat.v1.get_default_graph()
    while graph is not None:
        context = graph._get_control_flow_context()  # the one private call: nothing public tells
        while context is not None:
            if context.IsXLAContext():
                return True
            context = context.outer_context
        graph = getattr(graph, "outer_graph", None)
    return False
