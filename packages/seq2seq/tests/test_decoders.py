"""Decoders: functional and subclassed models that are trained, saved and exported, steps, graphs and errors."""

from copy import deepcopy

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.seq2seq import (
    AttentionWrapper,
    BahdanauMonotonicAttention,
    BaseDecoder,
    BasicDecoder,
    BasicDecoderOutput,
    BeamSearchDecoder,
    GreedyEmbeddingSampler,
    LuongAttention,
    ScheduledEmbeddingTrainingSampler,
    TrainingSampler,
    beam_search,
    cell_step,
    decode,
    dynamic_decode,
    stream,
)
from tensorsmith.testing import raises_argument_error

RNG = np.random.default_rng(0)
VOCABULARY, UNITS, END = 9, 8, 2
SOURCE = np.where(np.arange(6) < [[6], [4], [1], [5]], RNG.integers(3, VOCABULARY, (4, 6)), 0)
TARGET = np.where(np.arange(5) < [[5], [2], [3], [1]], RNG.integers(3, VOCABULARY, (4, 5)), 0)
START = np.ones(4, "int32")


class Translator:
    """Layers of an encoder and a decoder with attention, and models that use them."""

    def __init__(self, mechanism=LuongAttention, sampler=None, history=False, **options):
        keras.utils.set_random_seed(1)
        self.source = keras.Input((None,), dtype="int32", name="source")
        embedded = keras.layers.Embedding(VOCABULARY, 4, mask_zero=True)(self.source)
        memory, *self.state = keras.layers.LSTM(UNITS, return_sequences=True, return_state=True)(embedded)
        self.embedding = keras.layers.Embedding(VOCABULARY, 4, mask_zero=True)
        self.cell = AttentionWrapper(
            keras.layers.LSTMCell(UNITS),
            mechanism(UNITS, memory=memory),
            attention_layer_size=UNITS,
            alignment_history=history,
        )
        self.output_layer = keras.layers.Dense(VOCABULARY)
        self.sampler = sampler or TrainingSampler()
        self.options = options

    def training_model(self):
        target = keras.Input((None,), dtype="int32", name="target")
        decoder = BasicDecoder(self.cell, self.sampler, self.output_layer, **self.options)
        outputs, state, lengths = decoder(self.embedding(target), initial_state=self.state)
        results = {"logits": outputs.rnn_output, "lengths": lengths, "attention": state.attention}
        if self.cell.alignment_history:
            results["history"] = state.alignment_history
        return keras.Model([self.source, target], results)

    def inference_model(self, beams=0):
        start = keras.Input((), dtype="int32", name="start")
        given = {"initial_state": self.state, "start_tokens": start, "end_token": END}
        if beams:
            decoder = BeamSearchDecoder(self.cell, beams, self.embedding, self.output_layer, maximum_iterations=7)
            outputs, state, lengths = decoder(None, **given)
            return keras.Model([self.source, start], [outputs.predicted_ids, state.log_probs, lengths])
        sampler = GreedyEmbeddingSampler(self.embedding)
        decoder = BasicDecoder(self.cell, sampler, self.output_layer, maximum_iterations=7, **self.options)
        outputs, _, lengths = decoder(None, **given)
        return keras.Model([self.source, start], [outputs.sample_id, outputs.rnn_output, lengths])


def check_saved(model, inputs, folder):
    """Compare a model with a loaded and an exported one, for the given batch and a smaller one."""
    expected = keras.tree.flatten(model(inputs))
    model.save(folder / "model.keras")
    loaded = keras.saving.load_model(folder / "model.keras")
    model.export(folder / "exported", verbose=False)
    exported = tf.saved_model.load(folder / "exported")
    tensors = [tf.constant(each, tf.int32) for each in inputs]
    for outputs in (loaded(inputs), exported.serve(tensors)):
        for one, other in zip(expected, keras.tree.flatten(outputs), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    few = [each[:2] for each in tensors]
    for one, other in zip(keras.tree.flatten(model(few)), keras.tree.flatten(exported.serve(few)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    return expected


def test_functional_model_for_training(tmp_path):
    """The mask of the source reaches the attention, and that of the target the lengths."""
    model = Translator(mechanism=BahdanauMonotonicAttention, history=True, stack_arrays=True).training_model()
    names = [name for name, _ in sorted(model.output.items())]
    outputs = dict(zip(names, check_saved(model, [SOURCE, TARGET], tmp_path), strict=True))
    np.testing.assert_array_equal(outputs["lengths"], [5, 2, 3, 1])
    assert outputs["history"].shape == (5, 4, 6)
    assert not outputs["history"].numpy()[:, SOURCE == 0].any()
    assert outputs["history"].numpy()[0].sum(-1).all()


@pytest.mark.slow
@pytest.mark.parametrize("beams", [0, 3])
def test_functional_model_for_inference(beams, tmp_path):
    translator = Translator()
    translator.training_model()  # shares the layers and the memory
    tokens, *_, lengths = check_saved(translator.inference_model(beams), [SOURCE, START], tmp_path)
    assert tokens.shape == (4, lengths.numpy().max(), *([3] if beams else []))


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_training(policy):
    """`fit` lowers the loss. The results of a greedy and of a beam search are then the targets."""
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy(policy)
    try:
        translator = Translator()
        model = translator.training_model()
        source = RNG.integers(3, VOCABULARY, (64, 3))
        target = np.concatenate([source, np.full((64, 1), END)], 1)
        shifted = np.concatenate([np.ones((64, 1), int), target[:, :-1]], 1)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(0.02), {"logits": loss})
        losses = model.fit([source, shifted], {"logits": target}, epochs=60, verbose=0).history["loss"]
        assert losses[-1] < 0.2 * losses[0]
        start = np.ones(64, int)
        found, *_ = translator.inference_model()([source, start])
        best, *_ = translator.inference_model(beams=4)([source, start])
        correct = [np.mean(tokens[:, :4] == target) for tokens in (found.numpy(), best.numpy()[..., 0])]
        assert correct[0] > 0.9
        assert correct[1] > correct[0] - 0.05
    finally:
        keras.mixed_precision.set_dtype_policy(before)


@keras.saving.register_keras_serializable("test")
class Subclassed(keras.Model):
    """Model as it was written for TensorFlow Addons: it sets up the memory, and clones a state."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.embedding = keras.layers.Embedding(VOCABULARY, 4)
        self.encoder = keras.layers.LSTM(UNITS, return_sequences=True, return_state=True)
        self.mechanism = LuongAttention(UNITS)
        self.cell = AttentionWrapper(keras.layers.LSTMCell(UNITS), self.mechanism, attention_layer_size=UNITS)
        sampler = ScheduledEmbeddingTrainingSampler(0.3, self.embedding, seed=1, scheduling_seed=2)
        self.decoder = BasicDecoder(self.cell, sampler, keras.layers.Dense(VOCABULARY))

    def call(self, inputs):
        source, target = inputs
        memory, *state = self.encoder(self.embedding(source))
        self.mechanism.setup_memory(memory, memory_mask=source > 0)
        batch_size = keras.ops.shape(source)[0]
        first = self.cell.get_initial_state(batch_size=batch_size, dtype=memory.dtype).clone(cell_state=state)
        return self.decoder(self.embedding(target), initial_state=first)[0].rnn_output


@pytest.mark.slow
def test_subclassed_model(tmp_path):
    model = Subclassed()
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    losses = model.fit([SOURCE, TARGET], TARGET, epochs=40, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert len(model.decoder.sampler_generators) == 2
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for one, other in zip(model.decoder.sampler_generators, loaded.decoder.sampler_generators, strict=True):
        other.state.assign(one.state)
    for _ in range(2):
        np.testing.assert_allclose(loaded([SOURCE, TARGET]), model([SOURCE, TARGET]), rtol=1e-5, atol=1e-6)
    model.export(tmp_path / "exported", verbose=False)
    exported = tf.saved_model.load(tmp_path / "exported")
    inputs = tf.constant(SOURCE, tf.float32), tf.constant(TARGET, tf.float32)
    assert not np.allclose(exported.serve(inputs), exported.serve(inputs))  # other tokens are drawn


def parts(batch=3):
    """Return an attention cell, an embedding, an output layer and an initial state."""
    keras.utils.set_random_seed(2)
    mechanism = LuongAttention(UNITS, RNG.normal(size=(batch, 5, 3)).astype("float32"))
    cell = AttentionWrapper(keras.layers.GRUCell(UNITS), mechanism)
    embedding = keras.layers.Embedding(VOCABULARY, 4, embeddings_initializer="normal")
    return cell, embedding, keras.layers.Dense(VOCABULARY, kernel_initializer="normal")


def test_greedy_decoding_equals_teacher_forcing():
    """The outputs are those of the training decoder for the tokens that have been chosen, and of `decode`."""
    cell, embedding, output_layer = parts()
    start = tf.constant([1, 3, 4])
    infer = BasicDecoder(cell, GreedyEmbeddingSampler(embedding), output_layer, maximum_iterations=6)
    outputs, state, lengths = infer(None, start_tokens=start, end_token=-1)
    assert isinstance(outputs, BasicDecoderOutput)
    assert lengths.numpy().tolist() == [6, 6, 6]
    forced = tf.concat([start[:, None], outputs.sample_id[:, :-1]], 1)
    expected, last, _ = BasicDecoder(cell, TrainingSampler(), output_layer)(embedding(forced))
    np.testing.assert_allclose(outputs.rnn_output, expected.rnn_output, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(outputs.sample_id, tf.argmax(expected.rnn_output, -1))
    np.testing.assert_allclose(state.attention, last.attention, rtol=1e-5)
    step, initial_state = cell_step(cell, embedding, output_layer)
    found = decode(step, initial_state(3), start[:, None], 6).tokens
    np.testing.assert_array_equal(found, outputs.sample_id)
    streamed = stream(step, initial_state(3), start[:, None])
    np.testing.assert_array_equal([next(streamed) for _ in range(6)], tf.transpose(outputs.sample_id))
    assert cell.attention_mechanisms[0].memory_initialized


@pytest.mark.parametrize("end", [END, pytest.param(-1, marks=pytest.mark.slow)])
def test_beam_search_equals_that_of_the_package(end):
    """Without length penalties, which count the end token in one of them only."""
    mechanism = LuongAttention(UNITS)
    memory = RNG.normal(size=(3, 5, 3)).astype("float32")
    cell = AttentionWrapper(keras.layers.LSTMCell(UNITS), mechanism)
    _, embedding, output_layer = parts()
    decoder = BeamSearchDecoder(cell, 4, embedding, output_layer, maximum_iterations=6)
    start = tf.constant([1, 3, 4])
    outputs, state, lengths = decoder(None, start, end, memory=memory)
    mechanism.setup_memory(memory)
    step, initial_state = cell_step(cell, embedding, output_layer)
    found = beam_search(step, initial_state(3), start[:, None], 6, beams=4, end=None if end < 0 else end)
    np.testing.assert_array_equal(
        tf.transpose(outputs.predicted_ids, [0, 2, 1]), found.tokens[:, :, : lengths.numpy().max()]
    )
    np.testing.assert_allclose(state.log_probs, found.log_probabilities, rtol=1e-5)
    np.testing.assert_array_equal(lengths, found.lengths)


@pytest.mark.parametrize("given", ["constructor", "call"])
def test_two_memories_in_a_functional_model(given):
    """One of them has lengths and the other one a mask. The same layers are called eagerly for comparison."""
    x, lengths, mask = keras.Input((3, 4)), keras.Input((), dtype="int32"), keras.Input((6,), dtype="bool")
    memories = keras.Input((5, 2)), keras.Input((6, 3))
    mechanisms = [LuongAttention(UNITS), BahdanauMonotonicAttention(3)]
    passed = {}
    if given == "constructor":
        mechanisms[0].setup_memory(memories[0], memory_sequence_length=lengths)
        mechanisms[1](memories[1], mask=mask, setup_memory=True)
    else:
        passed = {"memory": list(memories), "memory_sequence_length": [lengths, None], "memory_mask": [None, mask]}
    made = BasicDecoder(AttentionWrapper(keras.layers.GRUCell(UNITS), mechanisms), TrainingSampler())
    model = keras.Model([x, *memories, lengths, mask], made(x, **passed)[0].rnn_output)
    arrays = [RNG.normal(size=(2, *each.shape[1:])).astype("float32") for each in (x, *memories)]
    bounds = np.array([5, 2]), np.arange(6) < [[3], [6]]
    mechanisms[0].setup_memory(arrays[1], memory_sequence_length=bounds[0])
    mechanisms[1].setup_memory(arrays[2], memory_mask=bounds[1])
    expected = made(arrays[0])[0].rnn_output
    np.testing.assert_allclose(model([*arrays, *bounds]), expected, rtol=1e-5, atol=1e-6)
    assert [mechanism.alignments_size for mechanism in mechanisms] == [5, 6]


def test_first_call_in_a_graph():
    """Layers without weights are built outside of the loop, with unknown batch size and time."""
    cell = AttentionWrapper(keras.layers.LSTMCell(UNITS), LuongAttention(UNITS), attention_layer_size=3)
    decoder = BasicDecoder(cell, TrainingSampler(), keras.layers.Dense(2), maximum_iterations=tf.constant(4))

    @tf.function(input_signature=[tf.TensorSpec([None, None, 4]), tf.TensorSpec([None, None, 5])])
    def decoded(x, memory):
        return decoder(x, memory=memory)

    for batch, time in ((2, 3), (1, 6)):
        outputs, state, lengths = decoded(tf.ones((batch, time, 4)), tf.ones((batch, 7, 5)))
        assert outputs.rnn_output.shape == (batch, min(time, 4), 2)
        assert state.attention.shape == (batch, 3)
        assert lengths.numpy().tolist() == [min(time, 4)] * batch
    assert len(decoder.trainable_variables) == 7


@pytest.mark.parametrize("wrapped", [False, True])
def test_dropout(wrapped):
    """Its mask is the same for all steps of a call, and differs between calls, eagerly and in graphs."""
    cell = keras.layers.SimpleRNNCell(1000, "linear", kernel_initializer="ones", recurrent_initializer="zeros")
    cell.dropout = 0.5
    if wrapped:
        mechanism = LuongAttention(1000, np.zeros((1, 2, 3), "float32"))
        cell = AttentionWrapper(keras.layers.StackedRNNCells([cell]), mechanism, output_attention=False)
    made = BasicDecoder(cell, TrainingSampler())
    x = 2.0 ** tf.range(4.0) * tf.ones((1, 6, 1))
    traced = tf.function(lambda training: made(x, training=training)[0].rnn_output)
    for call in (lambda training: made(x, training=training)[0].rnn_output, traced):
        sums = [call(True).numpy()[0, :, 0] for _ in range(8)]
        assert all((each == each[0]).all() for each in sums)
        assert len({each[0] for each in sums}) > 1
        np.testing.assert_array_equal(call(False)[0, :, 0], [15] * 6)


def test_jit_compilation_is_off():
    """Keras would otherwise compile models with XLA."""
    model = Translator().training_model()
    model.compile("sgd")
    assert not model.jit_compile


def test_config_and_weights():
    """A decoder that is created from a config has the weights of its parts."""
    decoder = BasicDecoder(
        keras.layers.StackedRNNCells([keras.layers.GRUCell(3), keras.layers.LSTMCell(4)]),
        GreedyEmbeddingSampler(keras.layers.Embedding(VOCABULARY, 2)),
        keras.layers.Dense(VOCABULARY),
        output_time_major=True,
        impute_finished=True,
        maximum_iterations=np.int64(3),
        parallel_iterations=1,
        swap_memory=True,
        stack_arrays=True,
        name="greedy",
    )
    expected = decoder(None, start_tokens=[1, 4], end_token=END)[0]
    config = keras.saving.serialize_keras_object(decoder)
    copy = keras.saving.deserialize_keras_object(deepcopy(config))  # StackedRNNCells removes parts of its config
    assert keras.saving.serialize_keras_object(copy) == config
    copy.set_weights(decoder.get_weights())
    found = copy(None, start_tokens=[1, 4], end_token=END)[0]
    np.testing.assert_allclose(found.rnn_output, expected.rnn_output, rtol=1e-6)


@pytest.mark.parametrize("structure", [list, tuple, dict])
def test_inputs_and_outputs_in_structures(structure):
    """A decoder of one's own, with nested inputs, and arguments of any kind."""

    class Counter(BaseDecoder):
        output_size = property(lambda self: pack(tf.TensorShape([]), tf.TensorShape([2])))
        output_dtype = property(lambda self: pack(tf.int32, tf.float32))
        batch_size = property(lambda self: self.size)

        def initialize(self, inputs, initial_state=None, step=1, names=(), **kwargs):
            assert (names, kwargs) == (["a", "b"], {})
            self.size, self.increment = inputs.shape[0], step
            return tf.zeros([self.size], tf.bool), pack(tf.zeros([self.size], tf.int32), inputs), ()

        def step(self, time, inputs, state, training):
            count, x = tf.nest.flatten(inputs)
            new = pack(count + self.increment, x + 1)
            return pack(count, x), state, new, count >= 2

    def pack(*values):
        return dict(zip("ab", values, strict=True)) if structure is dict else structure(values)

    outputs, _, lengths = Counter(output_time_major=True)(tf.zeros((3, 2)), step=1, names=["a", "b"])
    assert type(outputs) is structure
    count, x = tf.nest.flatten(outputs)
    np.testing.assert_array_equal(count, [[0] * 3, [1] * 3, [2] * 3])
    assert x.shape == (3, 3, 2)
    assert lengths.numpy().tolist() == [3, 3, 3]


def test_state_without_batch_axis():
    """Scalars in a state belong to all sequences, with `impute_finished` as well."""

    class Timed(keras.layers.Layer):
        state_size, output_size = [2, 1], 2

        def get_initial_state(self, batch_size):
            return [tf.zeros((batch_size, 2)), tf.zeros(())]

        def call(self, inputs, states):
            return inputs + states[1], [states[0] + 1, states[1] + 1]

    decoder = BasicDecoder(Timed(), TrainingSampler(), impute_finished=True)
    outputs, state, _ = decoder(tf.zeros((2, 3, 2)), sequence_length=[3, 1])
    np.testing.assert_array_equal(outputs.rnn_output[..., 0], [[0, 1, 2], [0, 0, 0]])
    np.testing.assert_array_equal(state[0], [[3, 3], [1, 1]])
    assert float(state[1]) == 3


def decoder(cell=None, sampler=None, output_layer=None, **options):
    return BasicDecoder(cell or keras.layers.LSTMCell(4), sampler or TrainingSampler(), output_layer, **options)


X = np.zeros((2, 3, 4), "float32")


@pytest.mark.parametrize(
    ("call", "name", "expected"),
    [
        (lambda: decoder(keras.layers.Dense(4)), "cell", "a recurrent cell"),
        (lambda: decoder(sampler="training"), "sampler", "a Sampler"),
        (lambda: decoder(output_layer="dense"), "output_layer", "a Keras layer"),
        (lambda: decoder(maximum_iterations=1.5), "maximum_iterations", "a positive integer"),
        (lambda: decoder(maximum_iterations=tf.constant([1]))(X), "maximum_iterations", "a scalar"),
        (lambda: decoder(maximum_iterations=tf.constant(0))(X), "maximum_iterations", "a positive integer"),
        (lambda: decoder()(X, initial_state=[tf.zeros((3, 4))] * 2), "initial_state", "batch size of the inputs, 2"),
        (lambda: decoder()(X, memory=X), "memory", "a cell that has an attention mechanism"),
        (
            lambda: decoder(AttentionWrapper(keras.layers.LSTMCell(4), LuongAttention(4)))(X),
            "memory",
            "set up before",
        ),
        (
            lambda: decoder(AttentionWrapper(keras.layers.LSTMCell(4), LuongAttention(4)))(X, memory=X[:1]),
            "batch_size",
            "batch size of the memory",
        ),
        (
            lambda: decoder(AttentionWrapper(keras.layers.LSTMCell(4), LuongAttention(4)))(X, memory=[X, X]),
            "memory",
            "a list with one for each of the 1 mechanisms",
        ),
        (lambda: Translator(history=True).training_model(), "stack_arrays", "True in a functional model"),
        (lambda: dynamic_decode(keras.layers.Dense(4)), "decoder", "a Decoder or a BaseDecoder"),
        (
            lambda: dynamic_decode(decoder(), enable_tflite_convertible=True, decoder_init_input=X),
            "maximum_iterations",
            "given with enable_tflite_convertible=True",
        ),
        (lambda: cell_step(keras.layers.LSTMCell(4), "embedding"), "embedding_fn", "a function of tokens"),
        (
            lambda: cell_step(
                AttentionWrapper(keras.layers.LSTMCell(4), LuongAttention(4), alignment_history=True), tf.identity
            ),
            "alignment_history",
            "False",
        ),
    ],
)
def test_errors(call, name, expected):
    with raises_argument_error(name, expected=expected):
        call()


@pytest.mark.slow
def test_batch_size_at_run_time():
    made = decoder()

    @tf.function(input_signature=[tf.TensorSpec([None, 3, 4]), tf.TensorSpec([None, 4])])
    def decoded(x, h):
        return made(x, initial_state=[h, h])[2]

    assert decoded(X, tf.zeros((2, 4))).shape == 2
    with pytest.raises(tf.errors.InvalidArgumentError, match="initial_state must have the batch size"):
        decoded(X, tf.zeros((3, 4)))


@pytest.mark.slow
def test_tflite():
    """A greedy decoder with arrays of a fixed size is converted, and has the same tokens."""
    cell, embedding, output_layer = keras.layers.LSTMCell(4), keras.layers.Embedding(9, 3), keras.layers.Dense(9)
    made = decoder(cell, GreedyEmbeddingSampler(embedding), output_layer)

    @tf.function(input_signature=[tf.TensorSpec([1], tf.int32)])
    def decoded(start):
        given = {"start_tokens": start, "end_token": -1}
        return dynamic_decode(made, maximum_iterations=5, enable_tflite_convertible=True, decoder_init_kwargs=given)[
            0
        ].sample_id

    start = tf.constant([1])
    expected = decoded(start)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([decoded.get_concrete_function()], made)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS]
    assert len(converter.convert()) > 1000
    assert expected.shape == (1, 5, 1)  # as in TensorFlow Addons
    with pytest.raises(tf.errors.InvalidArgumentError, match="batch size must be 1"):
        dynamic_decode(
            made,
            maximum_iterations=5,
            enable_tflite_convertible=True,
            decoder_init_kwargs={"start_tokens": [1, 2], "end_token": -1},
        )
