"""Comparison with the compiled ops of TensorFlow Addons, in the environment that `make parity` builds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from side import differentiated
from test_addons import expect_same, several, sizes

from tensorsmith import layers

pytestmark = pytest.mark.slow


# With strides and padding, Addons' patches begin stride_1 * pad before the image instead of pad, which contradicts its
# documented formula and the paper; without padding both agree.
@pytest.mark.parametrize(
    "positions", [(1, 2, 1, 1, 2), (1, 3, 1, 2, 3), (3, 2, 1, 2, 3), (1, 2, 2, 1, 0), (3, 1, 2, 1, 0)]
)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@several
@given(sizes, st.integers(6, 9), st.integers(6, 9), sizes, st.integers(0, 99))
def test_correlation_cost(addons_with_ops, data_format, positions, batch, height, width, channels, seed):
    a, b = np.random.default_rng(seed).normal(size=(2, batch, height, width, channels)).astype("float32")
    if data_format == "channels_first":
        a, b = np.moveaxis(a, -1, 1), np.moveaxis(b, -1, 1)
    names = ("kernel_size", "max_displacement", "stride_1", "stride_2", "pad")
    options = {**dict(zip(names, positions, strict=True)), "data_format": data_format}
    layer = layers.CorrelationCost(**options)
    ours = differentiated(lambda a, b: [layer([a, b])], [a, b])
    expect_same(ours, addons_with_ops("layer", [a, b], name="CorrelationCost", inputs=2, **options), 1e-5)


@pytest.mark.parametrize(("combiner", "weighted"), [("sum", False), ("sum", True), ("mean", False)])
@several
@given(sizes, sizes, sizes, sizes, st.sampled_from(["int32", "int64"]), st.integers(0, 99))
def test_embedding_bag(addons_with_ops, combiner, weighted, bags, size, rows, width, dtype, seed):
    rng = np.random.default_rng(seed)
    indices = rng.integers(0, rows, (bags, size)).astype(dtype)
    weights = [rng.normal(size=(bags, size)).astype("float32")] * weighted
    arrays = [indices, *weights, rng.normal(size=(rows, width)).astype("float32")]
    options = {"input_dim": rows, "output_dim": width, "combiner": combiner}
    layer = layers.EmbeddingBag(**options)
    layer.build(indices.shape)

    def ours(indices, *arrays):
        *weights, table = arrays
        layer.set_weights([table])
        return [layer(indices, *weights)], [layer.embeddings.value]

    expect_same(differentiated(ours, arrays), addons_with_ops("embedding_bag", arrays, **options), 1e-5)
