"""Tests that sparse gradients with duplicate indices give the result of Keras optimizers for their dense sum."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from stepping import expect_same, slices, table

from tensorsmith import ops, optimizers

pytestmark = pytest.mark.pairwise

KINDS = {
    "AdamW": {"weight_decay": 0.1},
    "Lamb": {"weight_decay": 0.1},
    "SGD": {"momentum": 0.9, "nesterov": True},
}
SETTINGS = [{}, {"clipnorm": 0.5}, {"global_clipnorm": 0.5}, {"clipvalue": 0.3}]


@pytest.mark.parametrize("jit", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: next(iter(setting), "none"))
@pytest.mark.parametrize("kind", KINDS)
def test_duplicate_indices_are_summed(kind, setting, jit):
    rng = np.random.default_rng(0)
    steps = [(slices(rng), tf.constant(rng.normal(size=3), tf.float32)) for _ in range(3)]  # index 4 is duplicated
    results = []
    for module, sparse in ((optimizers, True), (keras.optimizers, False)):
        variables = [table(), keras.Variable(np.ones(3), dtype="float32")]
        optimizer = getattr(module, kind)(learning_rate=0.1, **KINDS[kind], **setting)
        optimizer.build(variables)
        step = tf.function(optimizer.apply, jit_compile=jit)
        for gradient, other in steps:
            step([gradient if sparse else tf.convert_to_tensor(gradient), other])
        results.append([*variables, *optimizer.variables])
    expect_same(*results)


@pytest.mark.skipif(not ops.active(), reason="compiled kernels are off here")
@pytest.mark.parametrize(("kind", "options"), [*KINDS.items(), ("SGD", {"weight_decay": 0.1}), ("SGD", {})], ids=str)
def test_one_op_updates_all_variables(kind, options):
    """Sparse gradients are left to Keras only if the other rows do not change."""
    variables = [table(), keras.Variable(np.ones(3), dtype="float32")]
    optimizer = getattr(optimizers, kind)(learning_rate=0.1, global_clipnorm=0.5, **options)
    optimizer.build(variables)
    gradients = [slices(np.random.default_rng(0)), tf.ones(3)]
    graph = tf.function(optimizer.apply).get_concrete_function(gradients).graph
    (update,) = [operation for operation in graph.get_operations() if operation.type.startswith("Tensorsmith")]
    assert update.get_attr("tensors") == (2 if options else 1)
