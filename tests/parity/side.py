"""Server that computes reference results with TensorFlow Addons in a separate process, and its client.

The client `Side` runs this file with another Python interpreter, which executes the functions below by name. The file
imports only the standard library, NumPy and TensorFlow, so that it runs in any environment with Addons.
"""

import importlib
import importlib.util
import inspect
import io
import json
import operator
import subprocess
import sys

import numpy as np
import side_seq2seq


class Side:
    """Client of a process that computes functions of this file and their gradients.

    Args:
        python: Path of the Python interpreter of the process.
    """

    def __init__(self, python=sys.executable):
        self._process = subprocess.Popen([python, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __call__(self, function, arrays, **options):
        """Return the result of `differentiated` for the function with this name in the other process."""
        _send(self._process.stdin, {"function": function, "options": options}, arrays)
        answer, results = _receive(self._process.stdout)
        assert "error" not in answer, answer["error"]
        return results

    def close(self):
        self._process.communicate()


def differentiated(function, arrays, **options):
    """Return the outputs of a function, followed by gradients with respect to its floating-point inputs and variables.

    The function returns its outputs, or a pair of its outputs and a list of variables. The differentiated scalar is a
    weighted sum of all outputs, with weights that depend only on the shapes of the outputs.
    """
    import tensorflow as tf

    tensors = [tf.constant(array) for array in arrays]
    watched = [tensor for tensor in tensors if tensor.dtype.is_floating]
    with tf.GradientTape() as tape:
        tape.watch(watched)
        outputs = function(*tensors, **options)
        outputs, variables = outputs if isinstance(outputs[-1], list) else (outputs, [])
        rng = np.random.default_rng(0)
        floats = [output for output in outputs if output.dtype.is_floating]
        weights = [rng.normal(size=output.shape).astype(output.dtype.name) for output in floats]
        total = sum(tf.reduce_sum(output * weight) for output, weight in zip(floats, weights, strict=True))
    gradients = tape.gradient(total, [*watched, *variables], unconnected_gradients="zero") if floats else []
    return [np.array(tf.convert_to_tensor(result)) for result in [*outputs, *gradients]]


def positional(*, package):
    """Return the positional arguments of all components of a package, as bytes of JSON."""
    import tensorflow as tf
    import tensorflow_addons as tfa

    module, found = getattr(tfa, package), {}
    for name in dir(module):
        component = getattr(module, name)
        if not name.startswith("_") and callable(component):
            found[name] = positions(component)
    return [tf.constant(np.frombuffer(json.dumps(found).encode(), "uint8"))]


def positions(component):
    """Return the names of the positional arguments of a component."""
    kinds = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
    return [each.name for each in inspect.signature(component).parameters.values() if each.kind in kinds]


def activation(x, *, name, **options):
    """Compute an activation function."""
    import tensorflow_addons as tfa

    return [getattr(tfa.activations, name)(x, **options)]


def layer(*arrays, name, inputs, **options):
    """Call a layer. The first arrays are its inputs, followed by its weights."""
    import tensorflow_addons as tfa

    layer, given = getattr(tfa.layers, name)(**options), list(arrays[:inputs])
    given = given if inputs > 1 else given[0]
    layer(given)  # builds the weights
    layer.set_weights(arrays[inputs:])
    return [layer(given)], layer.trainable_weights


def attention(*arrays, inputs, masked, **options):
    """Call multi-head attention. The arrays are two or three inputs, an optional mask, and the weights."""
    import tensorflow_addons as tfa

    layer, given = tfa.layers.MultiHeadAttention(**options), list(arrays[:inputs])
    layer(given)  # builds the weights
    layer.set_weights(arrays[inputs + masked :])
    found = layer(given, mask=arrays[inputs] if masked else None)
    return list(found) if layer.return_attn_coef else [found], layer.trainable_weights


def loss(*arrays, name, made_with=None, **options):
    """Compute a loss function or, with `made_with`, a loss class, from targets, predictions and sample weights."""
    import tensorflow_addons as tfa

    function = getattr(tfa.losses, name)
    return [function(*arrays, **options) if made_with is None else function(**made_with)(*arrays)]


def sequence_loss(*arrays, made_with=None, **options):
    """Compute `sequence_loss` from logits, targets and weights, or `SequenceLoss` from targets, logits and weights."""
    import tensorflow_addons as tfa

    if made_with is None:
        return [tfa.seq2seq.sequence_loss(*arrays, **options)]
    return [tfa.seq2seq.SequenceLoss(**made_with)(*arrays)]


def netvlad(x, *weights, **options):
    """Call `NetVLAD`, which Addons does not export."""
    from tensorflow_addons.layers.netvlad import NetVLAD

    layer = NetVLAD(**options)
    layer(x)
    layer.set_weights(weights)
    return [layer(x)], layer.trainable_weights


def weight_normalization(x, kernel, bias, *, kind, options, data_init):
    """Call `WeightNormalization` of a dense or convolution layer twice; only the second output is differentiated."""
    import tensorflow as tf
    import tensorflow_addons as tfa

    inner = getattr(tf.keras.layers, kind)(**options)
    inner.build(x.shape)
    inner.set_weights([kernel, bias])
    layer = tfa.layers.WeightNormalization(inner, data_init=data_init)
    first = layer(x)
    return [tf.stop_gradient(first), layer(x)], [layer.g, layer.v, inner.bias]


def embedding_bag(indices, *arrays, **options):
    """Call `EmbeddingBag`. The arrays are optional weights of the indices and the embedding table."""
    import tensorflow_addons as tfa

    *weights, table = arrays
    layer = tfa.layers.EmbeddingBag(**options)
    layer(indices)
    layer.set_weights([table])
    return [layer(indices, *weights)], layer.trainable_weights


def unpooling(maxima, positions, *, name, **options):
    """Call an unpooling layer."""
    import tensorflow_addons as tfa

    return [getattr(tfa.layers, name)(**options)(maxima, positions)]


def function(*arrays, name, **options):
    """Compute the function with this dotted name, such as `text.crf_decode`, which has one or several results."""
    import tensorflow as tf
    import tensorflow_addons as tfa

    found = operator.attrgetter(name)(tfa)(*arrays, **options)
    return [tf.convert_to_tensor(each) for each in (found if isinstance(found, tuple | list) else [found])]


def skip_grams(tokens, *, name, **options):
    """Compute skip-grams of integers as strings, because the arrays between the processes contain numbers only."""
    import tensorflow as tf
    import tensorflow_addons as tfa

    found = getattr(tfa.text, name)(tf.strings.as_string(tokens), **options)
    return [tf.strings.to_number(each, tf.int64) for each in found]


def crf_cell(unaries, state, mask, *, transitions):
    """Compute the backpointers and last scores of `CrfDecodeForwardRnnCell` in `keras.layers.RNN`."""
    import tensorflow as tf
    import tensorflow_addons as tfa

    cell = tfa.text.CrfDecodeForwardRnnCell(tf.constant(transitions, unaries.dtype), dtype=unaries.dtype)
    layer = tf.keras.layers.RNN(cell, return_sequences=True, return_state=True, dtype=unaries.dtype)
    return layer(unaries, state, mask=mask)


def crf_model(x, y, sample_weight, *weights, **options):
    """Compute the logs of three epochs of training with `CRFModelWrapper`, the new weights, and the best tags."""
    import tensorflow as tf
    import tensorflow_addons as tfa

    layers = [tf.keras.Input(x.shape[1:]), tf.keras.layers.Masking(), tf.keras.layers.Dense(4, "tanh")]
    model = tfa.text.CRFModelWrapper(tf.keras.Sequential(layers), **options)
    # The tape of `differentiated` would differentiate a graph of the training step, which is impossible.
    model.compile(tf.keras.optimizers.SGD(0.1), run_eagerly=True)
    model(x)
    model.base_model.set_weights(weights[:2])
    model.crf_layer.set_weights(weights[2:])
    logs = model.fit(x, y, sample_weight=sample_weight, batch_size=len(x), epochs=3, verbose=0).history
    new = [*model.base_model.get_weights(), *model.crf_layer.get_weights()]
    results = [logs["loss"], logs["crf_loss"], *new, model.predict(x, verbose=0)]
    return [tf.constant(np.array(each), tf.float32) for each in results]


def crf_layer(x, mask, *weights, **options):
    """Compute the outputs of the CRF layer: best tags, potentials, lengths and transition scores."""
    import tensorflow as tf
    import tensorflow_addons as tfa

    layer = tfa.layers.CRF(**options)
    layer(x)  # calling is necessary, because `build` does not build the dense layer
    layer.set_weights(weights)
    tags, potentials, lengths, chain = layer(x, mask=mask)
    return [tf.where(mask, tags, 0), potentials, lengths, chain], layer.trainable_weights


def gather_tree(step_ids, parent_ids, lengths, end_token):
    """Compute `gather_tree` with the Python code of Addons, because the bridge replaces its compiled op by ours."""
    import tensorflow_addons as tfa

    tfa.options.disable_custom_kernel()
    return [tfa.seq2seq.gather_tree(step_ids, parent_ids, lengths, end_token)]


def recurrent(x, mask, *weights, cell, **options):
    """Compute all outputs and the final states of a cell in `keras.layers.RNN`."""
    import tensorflow as tf
    import tensorflow_addons as tfa

    layer = tf.keras.layers.RNN(getattr(tfa.rnn, cell)(**options), return_sequences=True, return_state=True)
    layer.build(x.shape)
    layer.set_weights(weights)
    return layer(x, mask=mask), layer.trainable_weights


def metric_function(*arrays, name):
    """Compute a metric function."""
    import tensorflow as tf
    import tensorflow_addons as tfa

    return [tf.stop_gradient(getattr(tfa.metrics, name)(*arrays))], []


def saved(x, *, path, kind=None, wrapped=None, loss=None, made_with=None, trained=False):
    """Save a model of one layer, or of a dense layer with a loss, and return its outputs.

    Args:
        x: Inputs of the model.
        path: Path of the file.
        kind: Name of the layer, with its package.
        wrapped: Name and arguments of a Keras layer that wraps the layer or is wrapped by it.
        loss: Name of the loss.
        made_with: Arguments of the layer or of the loss.
        trained: If `True`, train the model first, which sets variables that are initialized by the first call.
    """
    import tensorflow as tf
    import tensorflow_addons as tfa

    made_with = made_with or {}
    layer = tf.keras.layers.Dense(4)
    if kind is not None:
        package, name = kind.split(".")
        make = getattr(getattr(tfa, package), name)
        outer, options = wrapped or (None, {})
        if package == "rnn":
            layer = getattr(tf.keras.layers, outer)(make(**made_with), **options)
        else:
            inner = [] if outer is None else [getattr(tf.keras.layers, outer)(**options)]
            layer = make(*inner, **made_with)
    model = tf.keras.Sequential([tf.keras.Input(x.shape[1:]), layer])
    model.compile("sgd", "mse" if loss is None else getattr(tfa.losses, loss)(**made_with))
    if trained:
        model.fit(x, tf.zeros_like(model(x)), verbose=0)
    outputs = model(x)
    model.save(path)
    return [tf.stop_gradient(outputs)]


def metric(*arrays, name, size, weighted, **options):
    """Compute a metric over batches of `size` arrays, the last of which are sample weights if `weighted` is `True`."""
    import tensorflow as tf
    import tensorflow_addons as tfa

    metric = getattr(tfa.metrics, name)(**options)
    for start in range(0, len(arrays), size):
        batch = arrays[start : start + size]
        arguments, weights = (batch[:-1], batch[-1]) if weighted else (batch, None)
        metric.update_state(*arguments, sample_weight=weights)
    return [tf.stop_gradient(metric.result())], []


def schedule(steps, *, name, factor=None, **options):
    """Compute the values of a schedule. With `factor`, the scaling function is a power of the factor."""
    import tensorflow as tf
    import tensorflow_addons as tfa

    if factor is not None:
        options["scale_fn"] = lambda position: factor**position
    schedule = getattr(tfa.optimizers, name)(**options)
    return [tf.stop_gradient(tf.stack([schedule(step) for step in tf.unstack(steps)]))], []


def optimizer(weights, gradients, *indices, name, decayed=(), **options):
    """Compute the weights after each step of an optimizer.

    Args:
        weights: Initial weights.
        gradients: Gradient of each step.
        *indices: Row indices of each gradient, if gradients are sparse.
        name: Name of the optimizer, or of a Keras optimizer to extend with decoupled weight decay.
        decayed: Names of the options that follow an exponential decay.
        **options: Arguments of the optimizer.
    """
    import tensorflow as tf
    import tensorflow_addons as tfa

    for each in decayed:
        options[each] = tf.keras.optimizers.schedules.ExponentialDecay(options[each], 10, 0.5)
    if hasattr(tfa.optimizers, name):
        make = getattr(tfa.optimizers, name)
    else:
        make = tfa.optimizers.extend_with_decoupled_weight_decay(getattr(tf.keras.optimizers.legacy, name))
    optimizer, variable = make(**options), tf.Variable(weights, name="kernel")

    @tf.function
    def step(gradient, *rows):
        gradient = tf.IndexedSlices(gradient, *rows, tf.shape(variable)) if rows else gradient
        optimizer.apply_gradients([(gradient, variable)])
        return tf.identity(variable)

    return [tf.stack([step(*given) for given in zip(gradients, *indices, strict=True)])]


def wrapper(weights, gradients, *indices, name, inner, **options):
    """Compute the weights and their slow or average copies after each step of a wrapped optimizer.

    Args:
        weights: Initial weights.
        gradients: Gradient of each step.
        *indices: Row indices of each gradient, if gradients are sparse.
        name: Name of the wrapper.
        inner: Name and arguments of the wrapped optimizer.
        **options: Arguments of the wrapper.
    """
    import tensorflow as tf
    import tensorflow_addons as tfa

    kind, given = inner
    optimizer = getattr(tfa.optimizers, name)(getattr(tf.keras.optimizers.legacy, kind)(**given), **options)
    variable = tf.Variable(weights, name="kernel")

    @tf.function
    def step(gradient, *rows):
        gradient = tf.IndexedSlices(gradient, *rows, tf.shape(variable)) if rows else gradient
        optimizer.apply_gradients([(gradient, variable)])
        kept = optimizer.get_slot(variable, "slow" if name == "Lookahead" else "average")
        return tf.stack([variable, kept])

    return [tf.stack([step(*given) for given in zip(gradients, *indices, strict=True)])]


def optimizers_by_layers(x, y, table, kernel, bias, *, rates):
    """Compute the loss before each step, with Adam for an embedding (sparse gradients) and SGD for a dense layer."""
    import tensorflow as tf
    import tensorflow_addons as tfa

    embedding = tf.keras.layers.Embedding(*table.shape, input_length=x.shape[1])
    dense = tf.keras.layers.Dense(1)
    model = tf.keras.Sequential([embedding, tf.keras.layers.Flatten(), dense])
    model(x)
    model.set_weights([table, kernel, bias])
    legacy = tf.keras.optimizers.legacy
    pairs = [(legacy.Adam(rates[0]), embedding), (legacy.SGD(rates[1], momentum=0.9), [dense])]
    optimizer = tfa.optimizers.MultiOptimizer(pairs)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(x) - y) ** 2)
        weights = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        return loss

    return [tf.stop_gradient(tf.stack([step() for _ in range(50)]))], []


def _send(stream, head, arrays):
    packed = io.BytesIO()
    np.savez(packed, *arrays)
    stream.write(json.dumps({**head, "bytes": packed.tell()}).encode() + b"\n" + packed.getvalue())
    stream.flush()


def _receive(stream):
    line = stream.readline()
    if not line:
        raise EOFError("the other process has ended")
    head = json.loads(line)
    return head, list(np.load(io.BytesIO(stream.read(head.pop("bytes")))).values())


def _serve():
    import tensorflow as tf

    # CorrelationCost of Addons has a data race: under load 53 of 4,000 gradients were wrong, and none with one thread.
    tf.config.threading.set_intra_op_parallelism_threads(1)
    answers, sys.stdout = sys.stdout.buffer, sys.stderr  # output of libraries must not mix with answers
    while True:
        try:
            head, arrays = _receive(sys.stdin.buffer)
        except EOFError:
            return
        try:
            function = {**vars(side_seq2seq), **globals()}[head["function"]]
            results = differentiated(function, arrays, **head["options"])
        except Exception as error:  # noqa: BLE001 - the client reports any error
            _send(answers, {"error": f"{type(error).__name__}: {error}"}, [])
        else:
            _send(answers, {}, results)


if __name__ == "__main__":
    if importlib.util.find_spec("tensorsmith"):
        importlib.import_module("tensorsmith.addons")  # makes Addons importable with the installed TensorFlow
    _serve()
