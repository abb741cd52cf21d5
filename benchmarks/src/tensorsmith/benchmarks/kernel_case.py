"""What a benchmark case of a kernel is made of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tensorsmith.core.types import Tensor

Work = Callable[[], Any]


@dataclass(frozen=True)
class Case:
    """The same work by several providers.

    Args:
        work: From a provider's name to a function without arguments that does the work once. Called in a process of
            the provider's own; TensorFlow, Keras and PyTorch are imported in it and not before.
        providers: Who can do it: "tensorsmith" and some of "keras", "tensorflow", "xla", "torch".
        targets: What the kernel was built to reach, as how many times faster than a provider.
        megabytes: What must at least be read and written, for the floor.
        gigaflops: Operations of the matrix products at least, for the floor.
        warm_up: The same work at a small size, which makes this a case of memory: what is measured is the peak beyond
            inputs and results.
    """

    work: Callable[[str], Work]
    providers: Sequence[str]
    targets: dict[str, float] = field(default_factory=dict)
    megabytes: float = 0.0
    gigaflops: float = 0.0
    warm_up: Callable[[str], Work] | None = None


def with_gradients(function: Callable[..., Any], inputs: Sequence[Any], jit: bool = False) -> Work:
    """A function and the gradients at all its inputs, in one tf.function.

    Args:
        function: Of tensors, to one tensor or several.
        inputs: Arrays.
        jit: Compiled by XLA.
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
    """A function alone, in a tf.function."""
    import tensorflow as tf

    tensors = [tf.constant(value) for value in inputs]
    run = tf.function(function, jit_compile=jit)
    return lambda: run(*tensors)


def torch_with_gradients(function: Callable[..., Any], inputs: Sequence[Any]) -> Work:
    """The same for a function of PyTorch tensors."""
    import torch

    tensors = [torch.from_numpy(np.array(value)).requires_grad_() for value in inputs]
    first = function(*tensors)
    upstream = torch.randn(first.shape, generator=torch.Generator().manual_seed(0))

    def run() -> Any:
        output = function(*tensors)
        return output, torch.autograd.grad(output, tensors, upstream)

    return run
