"""Benchmark cases of recurrent networks and their gradients, for a typical and a small network size."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from tensorsmith.benchmarks.kernel_case import KernelCase, Work, with_gradients
from tensorsmith.core.types import Tensor

BATCH = 32
LARGE, SMALL = (100, 64, 128), (50, 1, 20)  # steps, features, units
GATES = {"lstm": 4, "gru": 3, "simple_rnn": 1, "layer_norm_lstm": 4}


def _work(provider: str, name: str, sizes: tuple[int, int, int]) -> Work:
    steps, features, units = sizes
    rng = np.random.default_rng(0)
    x = rng.normal(size=(BATCH, steps, features)).astype("float32")
    if provider == "torch":
        return _torch(name, x, units)
    wide = GATES[name] * units
    shapes = [(features, wide), (units, wide), (2, wide) if name == "gru" else (wide,)]
    if name == "layer_norm_lstm":
        shapes += [(wide,), (wide,), (units,), (units,)]
    weights = [0.1 * rng.normal(size=shape).astype("float32") for shape in shapes]
    function = _ours(name) if provider == "tensorsmith" else _keras(name, x.shape, units)
    return with_gradients(function, [x, *weights], jit=provider == "xla")


def _ours(name: str) -> Any:
    from tensorsmith import ops

    if name == "layer_norm_lstm":
        names = ("kernel_scale", "recurrent_scale", "state_scale", "state_offset")
        return lambda x, w, u, b, *more: ops.layer_norm_lstm(x, w, u, b, **dict(zip(names, more, strict=True)))[0]
    function = getattr(ops, name)
    return lambda *tensors: function(*tensors)[0]


def _keras(name: str, shape: tuple[int, ...], units: int) -> Any:
    import keras

    if name == "layer_norm_lstm":
        layer = keras.layers.RNN(_cell(units), return_sequences=True)
    else:
        kinds = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU, "simple_rnn": keras.layers.SimpleRNN}
        layer = kinds[name](units, return_sequences=True)
    layer.build(shape)
    fixed = [variable.value for variable in layer.non_trainable_variables]
    return lambda x, *weights: layer.stateless_call(weights, fixed, x)[0]


def _cell(units: int) -> Any:
    """Return a layer-normalized LSTM cell that uses Keras normalization layers, for `keras.layers.RNN`."""
    import keras

    class Cell(keras.layers.Layer):
        state_size = (units, units)
        output_size = units

        def build(self, shape: tuple[int, ...]) -> None:
            self.kernel = self.add_weight(shape=(shape[-1], 4 * units))
            self.recurrent_kernel = self.add_weight(shape=(units, 4 * units))
            self.bias = self.add_weight(shape=(4 * units,))
            self.norms = [keras.layers.LayerNormalization(center=center) for center in (False, False, True)]
            for norm, width in zip(self.norms, (4 * units, 4 * units, units), strict=True):
                norm.build((None, width))

        def call(self, x: Tensor, states: Sequence[Tensor]) -> tuple[Tensor, Sequence[Tensor]]:
            h, c = states
            of_x, of_h, of_c = self.norms
            sums = of_x(keras.ops.matmul(x, self.kernel)) + of_h(keras.ops.matmul(h, self.recurrent_kernel)) + self.bias
            i, f, g, o = keras.ops.split(sums, 4, axis=1)
            c = of_c(keras.ops.sigmoid(f) * c + keras.ops.sigmoid(i) * keras.ops.tanh(g))
            h = keras.ops.sigmoid(o) * keras.ops.tanh(c)
            return h, [h, c]

    return Cell()


def _torch(name: str, x: np.ndarray, units: int) -> Work:
    import torch

    kinds = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "simple_rnn": torch.nn.RNN}
    module = kinds[name](x.shape[-1], units, batch_first=True)
    tensor = torch.from_numpy(x).requires_grad_()
    upstream = torch.randn(*x.shape[:2], units)

    def run() -> Any:
        output, _ = module(tensor)
        return output, torch.autograd.grad(output, [tensor, *module.parameters()], upstream)

    return run


def _case(name: str, sizes: tuple[int, int, int], targets: Mapping[str, float]) -> KernelCase:
    steps, features, units = sizes
    # A multiplication and an addition per weight, and twice as many for the gradients of both operands.
    operations = 6 * BATCH * steps * (features + units) * GATES[name] * units
    providers = ["tensorsmith", "keras", "xla", *(["torch"] if name != "layer_norm_lstm" else [])]
    return KernelCase(partial(_work, name=name, sizes=sizes), providers, dict(targets), gigaflops=operations / 1e9)


SMALL_TARGETS = {"keras": 6, "xla": 3, "torch": 2}
CASES = {
    "lstm": _case("lstm", LARGE, {"keras": 1.7, "torch": 1}),
    "gru": _case("gru", LARGE, {"keras": 2, "torch": 2}),
    "small_lstm": _case("lstm", SMALL, SMALL_TARGETS),
    "small_gru": _case("gru", SMALL, SMALL_TARGETS),
    "small_simple_rnn": _case("simple_rnn", SMALL, SMALL_TARGETS),
    "layer_norm_lstm": _case("layer_norm_lstm", LARGE, {"keras": 8}),
}
