"""Comparison of the sequence loss with TensorFlow Addons: values and gradients, for random sizes."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from side import differentiated

from tensorsmith import losses
from tensorsmith.testing import raises_argument_error

REDUCTIONS = [  # average over time, over the batch, sum over time, over the batch
    (True, True, False, False),
    (False, False, True, True),
    (True, False, False, False),
    (False, True, False, False),
    (False, False, True, False),
    (False, False, False, True),
    (False, False, False, False),
]
NAMES = ("average_across_timesteps", "average_across_batch", "sum_over_timesteps", "sum_over_batch")
sizes = st.integers(1, 5)
several = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def drawn(batch, time, classes, one_hot, seed):
    """Return random logits, targets and weights, including weights of 0."""
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, classes, (batch, time))
    if one_hot:
        targets = rng.dirichlet(np.ones(classes), (batch, time)).astype("float32")
    weights = np.maximum(rng.uniform(-0.5, 2, (batch, time)), 0).astype("float32")
    return rng.normal(scale=3, size=(batch, time, classes)).astype("float32"), targets, weights


def compare(ours, theirs):
    for one, other in zip(ours, theirs, strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("one_hot", [False, True])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@several
@given(sizes, sizes, st.integers(2, 6), st.integers(0, 99))
def test_function(addons, reduction, one_hot, batch, time, classes, seed):
    arrays, options = drawn(batch, time, classes, one_hot, seed), dict(zip(NAMES, reduction, strict=True))
    ours = differentiated(lambda *tensors: [losses.sequence_loss(*tensors, **options)], arrays)
    theirs = addons("sequence_loss", arrays, **options)
    if one_hot:  # compare gradients with respect to logits only; Addons also differentiates with respect to targets
        ours, theirs = ours[:2], theirs[:2]
    compare(ours, theirs)


@pytest.mark.parametrize("reduction", [None, *REDUCTIONS])
def test_class(addons, reduction):
    logits, targets, weights = drawn(4, 3, 5, False, 7)
    options = {} if reduction is None else dict(zip(NAMES, reduction, strict=True))
    arrays = [targets, logits, weights]
    ours = differentiated(lambda *tensors: [losses.SequenceLoss(**options)(*tensors)], arrays)
    compare(ours, addons("sequence_loss", arrays, made_with=options))


@pytest.mark.parametrize("averaged", NAMES[:2])
@pytest.mark.parametrize("summed", NAMES[2:])
def test_conflicting_arguments(addons, averaged, summed):
    arrays, options = drawn(2, 3, 4, False, 1), {**dict.fromkeys(NAMES, False), averaged: True, summed: True}
    with pytest.raises(AssertionError, match="True at same time"):
        addons("sequence_loss", arrays, **options)
    with raises_argument_error(summed, received="True"):
        losses.sequence_loss(*arrays, **options)
