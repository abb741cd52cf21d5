"""Benchmark case of a compiled kernel, and helpers that create functions to measure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tensorsmith.core.types import Tensor

Work = Callable[[], Any]


@dataclass(frozen=True)
class KernelCase:
    """Benchmark case of a kernel: a computation with several implementations.

    Args:
        work: Function that takes the name of an implementation and returns a function without arguments, which runs the
            computation once. `work` is called in a separate process for each implementation, and must import
            TensorFlow, Keras or PyTorch itself.
        providers: Names of the available implementations: `"tensorsmith"` and some of `"keras"`, `"tensorflow"`,
            `"xla"`, `"torch"`, `"opencv"` and `"scipy"`.
        targets: Dict that maps the name of another implementation to the target speedup of the compiled kernel relative
            to that implementation.
        megabytes: Minimum memory traffic of the computation in megabytes. It is used to compute the shortest possible
            duration.
        gigaflops: Minimum number of floating-point operations in matrix multiplications, in units of 10^9. It is used
            to compute the shortest possible duration.
        warm_up: Function with the same signature as `work` that uses smaller inputs. If given, the benchmark also
            measures peak memory, excluding inputs and results.
    """

    work: Callable[[str], Work]
    providers: Sequence[str]
    targets: dict[str, float] = field(default_factory=dict)
    megabytes: float = 0.0
    gigaflops: float = 0.0
    warm_up: Callable[[str], Work] | None = None


def with_gradients(function: Callable[..., Any], inputs: Sequence[Any], jit: bool = False) -> Work:
    """Return a callable that computes a function and its gradients with respect to the inputs in one `tf.function`.

    Args:
        function: Function that maps tensors to a tensor or to several tensors.
        inputs: List of input arrays of the function.
        jit: If `True`, compile the computation with XLA.
    """
    import tensorflow as tf

    tensors = [tf.constant(value) for value in inputs]

    @tf.function(jit_compile=jit)
    def run(tensors: list[tf.Tensor], upstream: Tensor | Sequence[Tensor]) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            outputs = function(*tensors)
        return outputs, tape.gradient(outputs, tensors, output_gradients=upstream)

    rng = np.random.default_rng(0)
    shapes = tf.nest.flatten(tf.function(function).get_concrete_function(*tensors).structured_outputs)
    upstream = [tf.constant(rng.normal(size=output.shape), output.dtype) for output in shapes]
    return lambda: run(tensors, upstream if len(upstream) > 1 else upstream[0])


def forward(function: Callable[..., Any], inputs: Sequence[Any], jit: bool = False) -> Work:
    """Return a callable that computes a function in a `tf.function`, without gradients."""
    import tensorflow as tf

    tensors = [tf.constant(value) for value in inputs]
    run = tf.function(function, jit_compile=jit)
    return lambda: run(*tensors)


def torch_with_gradients(function: Callable[..., Any], inputs: Sequence[Any]) -> Work:
    """Return a callable that computes a PyTorch function and its gradients with respect to the inputs."""
    import torch

    tensors = [torch.from_numpy(np.array(value)).requires_grad_() for value in inputs]
    first = function(*tensors)
    upstream = torch.randn(first.shape, generator=torch.Generator().manual_seed(0))

    def run() -> Any:
        output = function(*tensors)
        return output, torch.autograd.grad(output, tensors, upstream)

    return run
