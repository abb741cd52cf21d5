"""Uses of `tensorflow_addons.seq2seq` for comparisons, which run with Addons in the server `side` and with tensorsmith.

Each function has an argument `libraries`, the modules `seq2seq` and `keras` to use. By default, these are
`tensorflow_addons.seq2seq` and `tf.keras`. The file imports only NumPy and TensorFlow.
"""

import numpy as np


def libraries_of_addons():
    import tensorflow as tf
    import tensorflow_addons as tfa

    return tfa.seq2seq, tf.keras


def variables(*layers):
    """Return the trainable variables of layers, for a `GradientTape`."""
    weights = [weight for layer in layers for weight in layer.trainable_weights]
    return [weight if callable(weight.value) else weight.value for weight in weights]


def load(layers, arrays):
    """Set the weights of several layers, one after another."""
    arrays = [np.array(array) for array in arrays]
    for layer in layers:
        count = len(layer.get_weights())
        layer.set_weights(arrays[:count])
        arrays = arrays[count:]
    assert not arrays


def flat(structure):
    """Return the tensors of a nested structure, and stacked arrays in place of each `TensorArray`."""
    import tensorflow as tf

    parts = tf.nest.flatten(structure)
    return [each.stack() if isinstance(each, tf.TensorArray) else each for each in parts]


def bounds_of(kind, array):
    """Return the arguments of `setup_memory` for lengths or a mask."""
    return {"lengths": {"memory_sequence_length": array}, "mask": {"memory_mask": array}}.get(kind, {})


def weights_of(function, arrays, **options):
    """Return random weights for a function of this file, which reports their shapes instead of its results."""
    import tensorflow as tf

    shapes = function(*map(tf.constant, arrays), shapes=True, **options)
    return [0.5 * np.random.default_rng(5).normal(size=shape) for shape in shapes]


def mechanism_steps(memory, bounds, queries, *weights, mechanism, options, bounded, shapes=False, libraries=None):
    """Compute the alignments of an attention mechanism for one query after another.

    Args:
        memory: Tensor of shape `(batch, positions, features)`.
        bounds: Lengths or mask of the memory.
        queries: Tensor of shape `(steps, batch, units)`.
        *weights: Weights of the mechanism.
        mechanism: Name of the mechanism.
        options: Its arguments.
        bounded: "lengths", "mask" or "none".
        shapes: If `True`, return the shapes of the weights.
        libraries: See the head of the file.
    """
    import tensorflow as tf

    seq2seq, _ = libraries or libraries_of_addons()
    mechanism = getattr(seq2seq, mechanism)(**options)
    mechanism.setup_memory(memory, **bounds_of(bounded, bounds))
    state = mechanism.initial_state(memory.shape[0], memory.dtype)
    mechanism([queries[0], state])  # builds the weights
    if shapes:
        return [weight.shape for weight in mechanism.get_weights()]
    load([mechanism], weights)
    mechanism.setup_memory(memory, **bounds_of(bounded, bounds))
    alignments = []
    for query in tf.unstack(queries):
        found, state = mechanism([query, state])
        alignments.append(found)
    return [tf.stack(alignments), state], variables(mechanism)


def wrapped_cell(seq2seq, keras, memory, bounds, *, cell, mechanisms, bounded, options, special=()):
    """Return the layers of an `AttentionWrapper`: itself, and a function that sets up its memory.

    Args:
        seq2seq: Module with the mechanisms.
        keras: Module with the layers.
        memory: Memory of the first mechanism. The second one has the reversed memory.
        bounds: Lengths or mask of the memory.
        cell: Name of the wrapped cell, which has 4 units.
        mechanisms: Names and arguments of the mechanisms. A single one is not passed as a list if `options` has no
            lists.
        bounded: "lengths", "mask" or "none".
        options: Arguments of the wrapper.
        special: "layer" for an attention layer with an activation function, "input" for a function of the inputs.
    """
    import tensorflow as tf

    made = [getattr(seq2seq, name)(**arguments) for name, arguments in mechanisms]

    def set_up():
        for mechanism, each in zip(made, (memory, tf.reverse(memory, [2])), strict=False):
            mechanism.setup_memory(each, **bounds_of(bounded, bounds))

    set_up()
    options = dict(options)
    if "layer" in special:
        options["attention_layer"] = [keras.layers.Dense(3, "tanh") for _ in made]
    if "input" in special:
        options["cell_input_fn"] = lambda inputs, attention: tf.concat([attention, 2 * inputs], -1)
    single = len(made) == 1
    if single and "attention_layer" in options:
        (options["attention_layer"],) = options["attention_layer"]
    wrapper = seq2seq.AttentionWrapper(
        getattr(keras.layers, cell)(4), made[0] if single else made, name="wrapper", **options
    )
    return wrapper, set_up


def wrapper_steps(memory, bounds, inputs, state, *weights, shapes=False, libraries=None, **options):
    """Compute the outputs and the last state of an `AttentionWrapper` for several steps.

    Args:
        memory: Tensor of shape `(batch, positions, features)`.
        bounds: Lengths or mask of the memory.
        inputs: Tensor of shape `(steps, batch, features)`.
        state: Tensor of shape `(batch, 4)`, the initial state of the cell.
        *weights: Weights of the wrapper.
        shapes: If `True`, return the shapes of the weights.
        libraries: See the head of the file.
        **options: Arguments of `wrapped_cell`.
    """
    import tensorflow as tf

    wrapper, set_up = wrapped_cell(*(libraries or libraries_of_addons()), memory, bounds, **options)
    first = wrapper.get_initial_state(batch_size=memory.shape[0], dtype=memory.dtype)
    wrapper(inputs[0], first)  # builds the weights
    if shapes:
        return [weight.shape for weight in wrapper.get_weights()]
    load([wrapper], weights)
    set_up()
    first = wrapper.get_initial_state(batch_size=memory.shape[0], dtype=memory.dtype)
    count = len(tf.nest.flatten(first.cell_state))
    cell_state = [state, state / 2][:count] if tf.nest.is_nested(first.cell_state) else state
    state, outputs = first.clone(cell_state=cell_state), []
    for each in tf.unstack(inputs):
        output, state = wrapper(each, state)
        outputs.append(output)
    return [tf.stack(outputs), *flat(state)], variables(wrapper)


def in_graph(function, graph):
    import tensorflow as tf

    return tf.function(function) if graph else function


def sampler_calls(seq2seq, name, x, lengths, table, time_major):
    """Return a sampler with deterministic results, and the arguments of a decoder call.

    Args:
        seq2seq: Module with the samplers.
        name: Name of the sampler, with a variant after a colon.
        x: Inputs of shape `(batch, time, features)`, or with the first two axes exchanged.
        lengths: Lengths, of shape `(batch,)`.
        table: Embedding matrix with as many features as `x`.
        time_major: Argument of the sampler.
    """
    import tensorflow as tf

    kind, _, variant = name.partition(":")
    mask = tf.sequence_mask(lengths, x.shape[0 if time_major else 1])
    bounds = {
        "lengths": {"sequence_length": lengths},
        "mask": {"mask": tf.transpose(mask) if time_major else mask},
    }
    tokens = {"start_tokens": tf.range(lengths.shape[0]), "end_token": 2}
    first = x[0] if time_major else x[:, 0]

    def embed(ids):
        return tf.tanh(tf.gather(table, ids))

    def ends(samples):
        return tf.reduce_mean(samples, -1) > 0.1

    def begin(inputs, factor):
        return lengths == 0, factor * inputs

    def sample(time, outputs, state):
        return tf.argmax(outputs, -1, tf.int64) + tf.cast(time, tf.int64)

    def following(time, outputs, state, sample_ids):
        return lengths <= time + 1, outputs, state

    if kind == "TrainingSampler":
        return seq2seq.TrainingSampler(time_major), x, bounds.get(variant, {})
    if kind == "ScheduledEmbeddingTrainingSampler":
        probability, _, function = variant.partition(",")
        passed = bounds["lengths"] if function else {**bounds["mask"], "embedding": table}
        embedding_fn = embed if function else None
        return seq2seq.ScheduledEmbeddingTrainingSampler(float(probability), embedding_fn, time_major), x, passed
    if kind == "ScheduledOutputTrainingSampler":
        probability, _, extra = variant.partition(",")
        more = {"auxiliary_inputs": x[..., :2]} if "a" in extra else {}
        function = tf.tanh if "f" in extra else None
        sampler = seq2seq.ScheduledOutputTrainingSampler(float(probability), time_major, next_inputs_fn=function)
        return sampler, x, {**bounds["lengths"], **more}
    if kind == "GreedyEmbeddingSampler":
        return seq2seq.GreedyEmbeddingSampler(embed if variant else None), None if variant else table, tokens
    if kind == "SampleEmbeddingSampler":
        return seq2seq.SampleEmbeddingSampler(softmax_temperature=1e-6, seed=3), table, tokens
    if kind == "InferenceSampler":
        function = tf.tanh if variant else None
        return seq2seq.InferenceSampler(lambda outputs: 2 * outputs, [3], tf.float32, ends, function), first, {}
    return seq2seq.CustomSampler(begin, sample, following, sample_ids_dtype=tf.int64), first, {"factor": 2.0}


def basic_decoder(
    x, bounds, memory, table, state, *weights, sampler, attention, options, units, graph=False, shapes=False,
    libraries=None, time_major=False, scale=1.0,
):  # fmt: skip
    """Compute the outputs of a `BasicDecoder`.

    Args:
        x: Inputs of the sampler.
        bounds: Lengths, of shape `(batch,)`.
        memory: Memory of the attention mechanism.
        table: Embedding matrix.
        state: Initial state, of shape `(batch, 4)`.
        *weights: Weights of the cell and the output layer.
        sampler: Name and variant, see `sampler_calls`.
        attention: If `True`, the cell is an `AttentionWrapper`.
        options: Arguments of the decoder.
        units: Number of outputs.
        graph: If `True`, call the decoder in a `tf.function`.
        shapes: If `True`, return the shapes of the weights.
        libraries: See the head of the file.
        time_major: If `True`, the inputs are time-major.
        scale: Number that multiplies the weights of the output layer.
    """
    import tensorflow as tf

    seq2seq, keras = libraries or libraries_of_addons()
    cell = keras.layers.GRUCell(4)
    layer = keras.layers.Dense(units)

    def call():
        made, inputs, given = sampler_calls(seq2seq, sampler, x, bounds, table, time_major)
        decoder = seq2seq.BasicDecoder(cell, made, layer, **options)
        first = state
        if attention:
            mechanism.setup_memory(memory, **bounds_of("lengths", tf.maximum(bounds, 1)))
            first = cell.get_initial_state(batch_size=bounds.shape[0], dtype=memory.dtype)
            first = first.clone(cell_state=state)
        outputs, last, lengths = decoder(inputs, initial_state=first, **given)
        return [*outputs, *flat(last), lengths]

    if attention:
        mechanism = seq2seq.LuongAttention(4)
        cell = seq2seq.AttentionWrapper(cell, mechanism, attention_layer_size=5, alignment_history=True)
    call()  # builds the weights
    if shapes:
        return [weight.shape for each in (cell, layer) for weight in each.get_weights()]
    load([cell, layer], [*weights[:-2], *(scale * weight for weight in weights[-2:])])
    return list(in_graph(call, graph)()), variables(cell, layer)


def masked_decoder(tokens, table, state, *weights, shapes=False, libraries=None):
    """Compute the outputs of a `BasicDecoder` for embeddings with a mask, which Keras attaches to them."""
    seq2seq, keras = libraries or libraries_of_addons()
    cell = keras.layers.SimpleRNNCell(4)
    embedding = keras.layers.Embedding(*table.shape, mask_zero=True)
    decoder = seq2seq.BasicDecoder(cell, seq2seq.TrainingSampler(), impute_finished=True)
    decoder(embedding(tokens), initial_state=state)
    if shapes:
        return [weight.shape for weight in cell.get_weights()]
    load([embedding, cell], [table, *weights])
    outputs, last, lengths = decoder(embedding(tokens), initial_state=state)
    return [*outputs, *flat(last), lengths], variables(cell)


def plain_decoder(x, *, options, shapes=False, libraries=None):
    """Compute the outputs of a `Decoder` that is not a layer, with nested outputs, inputs and states."""
    import tensorflow as tf

    if shapes:
        return []
    seq2seq, _ = libraries or libraries_of_addons()

    class Halving(seq2seq.Decoder):
        """Decoder that halves numbers until they are small."""

        batch_size = x.shape[0]
        output_size = property(lambda self: {"sum": tf.TensorShape([]), "parts": tf.TensorShape([x.shape[1]])})
        output_dtype = property(lambda self: {"sum": tf.float32, "parts": tf.float32})

        def initialize(self, name=None):
            return tf.reduce_sum(x, 1) < 0.1, {"x": x}, (tf.constant(0), x)

        def step(self, time, inputs, state, training=None, name=None):
            count, before = state
            parts = inputs["x"] / 2 + 0.1 * before
            total = tf.reduce_sum(parts, 1)
            return {"sum": total, "parts": parts}, (count + 1, inputs["x"]), {"x": parts}, total < 0.1

        def finalize(self, outputs, final_state, sequence_lengths):
            return {**outputs, "sum": outputs["sum"] * 2}, final_state

    outputs, state, lengths = seq2seq.dynamic_decode(Halving(), **options)
    return [*flat(outputs), *flat(state), lengths]


def beam_decoder(
    memory, bounds, table, state, starts, *weights, wrapper, beams, options, fn=False, graph=False, end=2, shapes=False,
    libraries=None, scale=2.0, scores=False,
):  # fmt: skip
    """Compute the results of a `BeamSearchDecoder`: final tokens, outputs of the steps and the final state.

    Gradients are those of the scores of the beams with `scores=True`, and zeros otherwise.

    Args:
        memory: Memory of the attention mechanism, of shape `(batch, positions, features)`.
        bounds: Lengths of the memory.
        table: Embedding matrix.
        state: Initial state of the cell, of shape `(batch, 4)`.
        starts: Start tokens.
        *weights: Weights of the cell and the output layer.
        wrapper: "none", "one" or "two", the number of attention mechanisms.
        beams: Number of beams.
        options: Arguments of the decoder.
        fn: If `True`, pass a function in place of the embedding matrix.
        graph: If `True`, call the decoder in a `tf.function`.
        end: End token.
        shapes: If `True`, return the shapes of the weights.
        libraries: See the head of the file.
        scale: Number that multiplies the weights of the output layer.
        scores: If `True`, return only the log probabilities of the beams, which can be differentiated.
    """
    import tensorflow as tf

    seq2seq, keras = libraries or libraries_of_addons()
    cell, layer = keras.layers.LSTMCell(4), keras.layers.Dense(table.shape[0])
    memory, bounds, state = seq2seq.tile_batch((memory, bounds, state), beams)
    mechanisms = [seq2seq.LuongAttention(4), seq2seq.BahdanauAttention(5)][: ["none", "one", "two"].index(wrapper)]

    def embed(ids):
        return tf.gather(table, ids)

    def call():
        for mechanism in mechanisms:
            mechanism.setup_memory(memory, **bounds_of("lengths", bounds))
        decoder = seq2seq.BeamSearchDecoder(cell, beams, embed if fn else None, layer, **options)
        first = [state, state / 2]
        if mechanisms:
            first = cell.get_initial_state(batch_size=state.shape[0], dtype=tf.float32).clone(cell_state=first)
        outputs, last, lengths = decoder(None if fn else table, starts, end, first)
        if scores:
            return [last.log_probs]
        return [*tf.nest.flatten(outputs), *flat(last), lengths]

    if mechanisms:
        given = mechanisms if wrapper == "two" else mechanisms[0]
        cell = seq2seq.AttentionWrapper(cell, given, alignment_history=True)
    call()  # builds the weights
    if shapes:
        return [weight.shape for each in (cell, layer) for weight in each.get_weights()]
    load([cell, layer], [*weights[:-2], *(scale * weight for weight in weights[-2:])])
    results = in_graph(call, graph)()
    return (results, variables(cell, layer)) if scores else ([tf.stop_gradient(each) for each in results], [])


def wrapper_in_layer(memory, bounds, x, mask, *weights, shapes=False, libraries=None, **options):
    """Compute the outputs and the last state of an `AttentionWrapper` in `keras.layers.RNN`, with masked inputs."""
    seq2seq, keras = libraries or libraries_of_addons()
    wrapper, set_up = wrapped_cell(seq2seq, keras, memory, bounds, **options)
    layer = keras.layers.RNN(wrapper, return_sequences=True, return_state=True)
    layer(x)  # builds the weights
    if shapes:
        return [weight.shape for weight in layer.get_weights()]
    load([layer], weights)
    set_up()
    return flat(layer(x, mask=mask)), variables(layer)
