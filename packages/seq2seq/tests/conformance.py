"""Conformance rows of the layers of this package."""

import keras

from tensorsmith.seq2seq import (
    AttentionWrapper,
    BahdanauAttention,
    BahdanauMonotonicAttention,
    BasicDecoder,
    BeamSearchDecoder,
    LuongAttention,
    LuongMonotonicAttention,
    ScheduledEmbeddingTrainingSampler,
    TrainingSampler,
)
from tensorsmith.testing import Data, LayerRow

QUERY, WEIGHTS = Data((4,)), Data((6,), low=0.0, high=0.2)
MEMORY, MASK = Data((6, 3)), Data((6,), "bool")
LSTM_STATE = [Data((4,)), Data((4,))]
MECHANISM = {"inputs": ([QUERY, WEIGHTS, MEMORY, MASK],)}
BAD_MODES = [({"mode": "fast"}, "one of"), ({"sigmoid_noise": -1.0}, "a non-negative number")]


def wrapper(**kwargs):
    return AttentionWrapper(keras.layers.LSTMCell(4), LuongAttention(4), **kwargs)


def wrapper_of_two(**kwargs):
    return AttentionWrapper(keras.layers.GRUCell(4), [LuongAttention(4), BahdanauMonotonicAttention(3)], **kwargs)


def training_decoder(**kwargs):
    return BasicDecoder(keras.layers.LSTMCell(4), TrainingSampler(), keras.layers.Dense(5), **kwargs)


def attention_decoder(**kwargs):
    return BasicDecoder(wrapper(), TrainingSampler(), keras.layers.Dense(5), **kwargs)


def scheduled_decoder(**kwargs):
    sampler = ScheduledEmbeddingTrainingSampler(0.5, keras.layers.Embedding(5, 3), seed=1, scheduling_seed=2)
    return BasicDecoder(keras.layers.LSTMCell(4), sampler, keras.layers.Dense(5), **kwargs)


def beam_decoder(**kwargs):
    options = {"beam_width": 3, "embedding_fn": keras.layers.Embedding(5, 3), "output_layer": keras.layers.Dense(5)}
    return BeamSearchDecoder(wrapper(alignment_history=True), **options, **kwargs)


def with_memory(layer, inputs, state, memory, mask, **options):
    return layer(inputs, state, memory=memory, memory_mask=mask, **options)


def best_score(layer, tokens, state, memory, mask, **options):
    """Returns the score of the best sequence. In half precision, others may be in another order."""
    passed = {"start_tokens": tokens, "end_token": 2, "initial_state": state}
    outputs, state, _ = layer(None, memory=memory, memory_mask=mask, **passed, **options)
    return keras.ops.cast(state.log_probs[:, 0], layer.compute_dtype)


ROWS = [
    LayerRow(
        LuongAttention,
        kwargs={"units": 4, "scale": True},
        **MECHANISM,
        bad=[({"units": 0}, "a positive integer"), ({"probability_fn": "softmx"}, "softmax")],
        bad_shapes=[
            ({}, [[(2, 5), (2, 6), (2, 6, 3)]], "have shape (batch, 4) to match the keys"),
            ({}, [[(2, 4), (2, 6), (2, 6)]], "have shape (batch, positions, features)"),
            ({}, [[(2, 4)]], "a list of a query, a state"),
        ],
    ),
    LayerRow(
        BahdanauAttention,
        slow=True,
        kwargs={"units": 5, "normalize": True, "kernel_initializer": "ones"},
        **MECHANISM,
        bad=[({"units": -1}, "a positive integer"), ({"probability_fn": "hard"}, "hardmax")],
    ),
    LayerRow(
        LuongMonotonicAttention,
        slow=True,
        kwargs={"units": 4, "scale": True, "score_bias_init": -0.5, "mode": "recursive"},
        **MECHANISM,
        bad=[({"units": 1.5}, "a positive integer"), *BAD_MODES],
    ),
    LayerRow(
        LuongMonotonicAttention,
        name="LuongMonotonicAttention with noise",
        slow=True,
        kwargs={"units": 4, "sigmoid_noise": 0.3, "sigmoid_noise_seed": 5},
        **MECHANISM,
        random=True,
    ),
    LayerRow(
        BahdanauMonotonicAttention,
        kwargs={"units": 5, "normalize": True, "score_bias_init": -0.5},
        **MECHANISM,
        bad=[({"units": "5"}, "a positive integer"), *BAD_MODES],
    ),
    LayerRow(
        wrapper,
        name="AttentionWrapper",
        kwargs={"attention_layer_size": 5},
        inputs=(Data((2,)), [LSTM_STATE, Data((5,)), WEIGHTS, (), WEIGHTS], MEMORY, MASK),
        call=with_memory,
        supports_integers=False,
        bad=[
            ({"attention_layer_size": 0}, "a list of 1 positive integers"),
            ({"attention_layer": 3, "attention_layer_size": None}, "a list of 1 layers"),
            ({"cell_input_fn": "concat"}, "a function or None"),
            ({"attention_fn": 1}, "a function or None"),
        ],
    ),
    LayerRow(
        wrapper_of_two,
        name="AttentionWrapper with two mechanisms",
        slow=True,
        kwargs={"output_attention": False},
        inputs=(Data((2,)), [[Data((4,))], Data((6,)), (WEIGHTS,) * 2, ((), ()), (WEIGHTS,) * 2], MEMORY, MASK),
        call=with_memory,
        supports_integers=False,
    ),
    LayerRow(
        training_decoder,
        name="BasicDecoder",
        slow=True,
        kwargs={"impute_finished": True, "maximum_iterations": 9},
        inputs=Data((4, 2)),
        time_axis=1,
        supports_jit=False,
        supports_integers=False,
        bad=[({"maximum_iterations": 0}, "a positive integer"), ({"parallel_iterations": 0}, "a positive integer")],
    ),
    LayerRow(
        attention_decoder,
        name="BasicDecoder with attention",
        slow=True,
        inputs=(Data((5, 2)), LSTM_STATE, MEMORY, MASK),
        call=with_memory,
        supports_jit=False,
        supports_integers=False,
    ),
    LayerRow(
        scheduled_decoder,
        name="BasicDecoder with scheduled sampling",
        slow=True,
        inputs=(Data((5, 3)), LSTM_STATE),
        random=True,
        supports_jit=False,
        supports_integers=False,
    ),
    LayerRow(
        beam_decoder,
        name="BeamSearchDecoder",
        slow=True,
        kwargs={"length_penalty_weight": 0.6, "coverage_penalty_weight": 0.2, "maximum_iterations": 4},
        inputs=(Data((), "int32", 0, 5), LSTM_STATE, MEMORY, MASK),
        call=best_score,
        supports_jit=False,
        supports_integers=False,
        bad=[
            ({"length_penalty_weight": "long"}, "a number"),
            ({"impute_finished": True}, "False, because beams are reordered"),
        ],
    ),
]
