"""Comparison of decoders and samplers with TensorFlow Addons: outputs, states, lengths and gradients."""

import functools

import keras
import numpy as np
import pytest
import side_seq2seq
from side import differentiated
from test_addons_attention import compare_uses, pairs

from tensorsmith import seq2seq

pytestmark = pytest.mark.slow

UNITS = 3  # outputs, as many as features of the inputs, which some samplers require
VARIANTS = {
    "TrainingSampler": ["", "lengths", "mask"],
    "ScheduledEmbeddingTrainingSampler": ["0", "1", "1,f"],
    "ScheduledOutputTrainingSampler": ["0", "1", "1,f", "1,a", "0,af", "1,af"],
    "GreedyEmbeddingSampler": ["", "f"],
    "SampleEmbeddingSampler": [""],
    "InferenceSampler": ["", "f"],
    "CustomSampler": [""],
}
SAMPLERS = [f"{name}:{variant}" for name, variants in VARIANTS.items() for variant in variants]


def decoder_arrays(seed, batch, time, lengths, time_major):
    rng = np.random.default_rng(seed)
    shapes = (batch, time, 3), (batch, 6, 3), (5, 3), (batch, 4)
    x, memory, table, state = (rng.normal(size=shape).astype("float32") for shape in shapes)
    return [x.swapaxes(0, 1) if time_major else x, np.array(lengths, "int32"), memory, table, state]


DECODERS = pairs(
    sampler=SAMPLERS,
    attention=[False, True],
    graph=[False, True],
    impute_finished=[False, True],
    output_time_major=[False, True],
    limit=[None, 3],
    lengths=[[5, 3, 1], [0, 2, 4]],
)


@pytest.mark.parametrize("given", DECODERS, ids=lambda given: given["sampler"])
def test_basic_decoder(addons, given):
    sampler = given["sampler"]
    infers = sampler.startswith(("Greedy", "Sample", "Inference"))
    options = {
        "impute_finished": given["impute_finished"],
        "output_time_major": given["output_time_major"],
        "maximum_iterations": (given["limit"] or 7) if infers else given["limit"],
        "swap_memory": given["impute_finished"],
    }
    time_major = given["output_time_major"] and not infers and sampler != "CustomSampler:"
    arrays = decoder_arrays(len(sampler), 3, 5, given["lengths"], time_major)
    ours = compare_uses(
        addons,
        "basic_decoder",
        arrays,
        sampler=sampler,
        attention=given["attention"],
        options=options,
        units=5 if "Embedding" in sampler else UNITS,
        graph=given["graph"],
        time_major=time_major,
        scale=1e3 if sampler.startswith("ScheduledEmbeddingTrainingSampler:1") else 1.0,
    )
    assert ours[0].any()


def test_masked_inputs(addons):
    rng = np.random.default_rng(0)
    tokens = np.array([[1, 2, 3, 4], [2, 1, 0, 0], [4, 0, 0, 0]], "int32")
    table, state = (rng.normal(size=shape).astype("float32") for shape in ((5, 3), (3, 4)))
    ours = compare_uses(addons, "masked_decoder", [tokens, table, state])
    np.testing.assert_array_equal(ours[3], [4, 2, 1])


@pytest.mark.parametrize("impute_finished", [False, True])
@pytest.mark.parametrize("output_time_major", [False, True])
@pytest.mark.parametrize("limit", [None, 2, 50])
def test_plain_decoder(addons, impute_finished, output_time_major, limit):
    options = {"impute_finished": impute_finished, "output_time_major": output_time_major, "maximum_iterations": limit}
    x = np.array([[0.5, 1.0], [0.01, 0.02], [3.0, 2.0]], "float32")
    compare_uses(addons, "plain_decoder", [x], options=options)


@pytest.mark.parametrize("output_time_major", [False, True])
def test_plain_decoder_for_tflite(addons, output_time_major):
    options = {"output_time_major": output_time_major, "maximum_iterations": 9, "enable_tflite_convertible": True}
    compare_uses(addons, "plain_decoder", [np.array([[0.5, 1.0]], "float32")], options=options)


SEARCHES = pairs(
    wrapper=["none", "one", "two"],
    beams=[1, 2, 5],
    length_penalty_weight=[0.0, 0.6, 1.5, -0.8],
    coverage_penalty_weight=[0.0, 0.4],
    output_time_major=[False, True],
    output_all_scores=[False, True],
    reorder_tensor_arrays=[False, True],
    maximum_iterations=[1, 4, 12],
    graph=[False, True],
    fn=[False, True],
    scale=[1.0, 4.0],
)


@pytest.mark.parametrize("given", SEARCHES, ids=range(len(SEARCHES)))
def test_beam_search_decoder(addons, given):
    options = dict(given)
    passed = {name: options.pop(name) for name in ("wrapper", "beams", "graph", "fn", "scale")}
    if passed["wrapper"] == "none":
        options["coverage_penalty_weight"] = 0.0
    rng = np.random.default_rng(passed["beams"])
    memory, table, state = (rng.normal(size=shape).astype("float32") for shape in ((3, 6, 3), (7, 3), (3, 4)))
    arrays = [memory, np.array([6, 2, 4], "int32"), table, state, np.array([0, 1, 3], "int32")]
    compare_uses(addons, "beam_decoder", arrays, options=options, **passed)


@pytest.mark.parametrize("wrapper", ["none", "one"])
@pytest.mark.parametrize("graph", [False, True])
def test_gradients_of_beam_scores(graph, wrapper, addons):
    """Embeddings, memory, states, cell and output layer have the gradients of the log probabilities of the beams."""
    rng = np.random.default_rng(3)
    memory, table, state = (rng.normal(size=shape).astype("float32") for shape in ((3, 6, 3), (7, 3), (3, 4)))
    arrays = [memory, np.array([6, 2, 4], "int32"), table, state, np.array([0, 1, 3], "int32")]
    options = {"maximum_iterations": 4}
    ours = compare_uses(
        addons, "beam_decoder", arrays, wrapper=wrapper, beams=3, graph=graph, options=options, scores=True
    )
    assert np.isfinite(ours[0]).all()
    assert all(gradient.any() for gradient in ours[2:4])  # of the embeddings and the state
    assert ours[1].any() == (wrapper == "one")  # of the memory


def test_beam_wider_than_the_vocabulary(addons):
    """Entries with a probability of 0, which differ, are not part of the final sequences."""
    rng = np.random.default_rng(0)
    memory, table, state = (rng.normal(size=shape).astype("float32") for shape in ((3, 6, 3), (7, 3), (3, 4)))
    arrays = [memory, np.array([6, 2, 4], "int32"), table, state, np.array([0, 1, 3], "int32")]
    given = {"wrapper": "none", "beams": 9, "options": {"maximum_iterations": 6}}
    function = functools.partial(side_seq2seq.beam_decoder, libraries=(seq2seq, keras))
    arrays += [weight.astype("float32") for weight in side_seq2seq.weights_of(function, arrays, **given)]
    ours, theirs = differentiated(function, arrays, **given), addons("beam_decoder", arrays, **given)
    np.testing.assert_array_equal(ours[0], theirs[0])
    np.testing.assert_allclose(ours[1], theirs[1], rtol=2e-5)
    assert np.isneginf(ours[1]).any()
