"""Tests of `accelerate` on models that were not written for it: usual forms, keras.applications and KerasHub.

Each model is compared before and after: outputs, gradients, training, predictions, and the saved and exported model.
"""

import contextlib
import importlib.util

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.layers import accelerate
from tensorsmith.layers._support.inner_layers import inner_layers

kl = keras.layers
pytestmark = [
    pytest.mark.slow,
    # The backbone of Llama has an embedding for a language model, which it does not use itself.
    pytest.mark.filterwarnings(
        "ignore:Gradients do not exist for variables .'token_embedding/reverse_embeddings':UserWarning"
    ),
]
needs_keras_hub = pytest.mark.skipif(
    importlib.util.find_spec("keras_hub") is None, reason="KerasHub is installed by `make test-slow`"
)
register = keras.saving.register_keras_serializable("models_of_others")
WORDS, FEATURES = (7,), (7, 5)


def words(shape=WORDS):
    return keras.Input(shape, dtype="int32")


def embedded(mask_zero=True):
    tokens = words()
    return tokens, kl.Embedding(11, 8, mask_zero=mask_zero)(tokens)


def block(x, dropout=0.0, causal=False, activation="gelu"):
    """Returns the output of a Transformer block."""
    attended = kl.MultiHeadAttention(2, 4, dropout=dropout)(x, x, use_causal_mask=causal)
    x = kl.LayerNormalization()(x + kl.Dropout(dropout)(attended))
    hidden = kl.Dense(16, activation)(x)
    return kl.LayerNormalization()(x + kl.Dropout(dropout)(kl.Dense(8)(hidden)))


def masked_lstm():
    tokens, x = embedded()
    return keras.Model(tokens, kl.Dense(2)(kl.LSTM(6)(x)))


def bidirectional():
    tokens, x = embedded()
    x = kl.Bidirectional(kl.LSTM(4, return_sequences=True), merge_mode="sum")(x)
    return keras.Model(tokens, kl.Dense(2)(kl.Bidirectional(kl.GRU(4))(x)))


def masking_layer():
    return keras.Sequential([keras.Input(FEATURES), kl.Masking(0.5), kl.GRU(4, return_sequences=True), kl.SimpleRNN(3)])


def time_distributed():
    images = keras.Input((3, 8, 8, 2))
    x = kl.TimeDistributed(kl.Conv2D(3, 3, activation="relu"))(images)
    x = kl.TimeDistributed(kl.LayerNormalization())(kl.TimeDistributed(kl.Flatten())(x))
    return keras.Model(images, kl.LSTM(4)(kl.TimeDistributed(kl.Dense(5, "gelu"))(x)))


def stateful():
    inputs = keras.Input(batch_shape=(6, *FEATURES))
    return keras.Model(inputs, kl.LSTM(3, stateful=True)(kl.GRU(4, stateful=True, return_sequences=True)(inputs)))


def shared():
    first, second, memory = keras.Input(FEATURES), keras.Input(FEATURES), kl.LSTM(4)
    return keras.Model([first, second], kl.Dot(1)([memory(first), memory(second)]))


def nested():
    tokens, x = embedded(mask_zero=False)
    inner = keras.Input((7, 8))
    encoder = keras.Model(inner, block(inner), name="encoder")
    return keras.Model(tokens, keras.Sequential([kl.LSTM(4), kl.Dense(2)])(encoder(encoder(x))))


@register
class Subclassed(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.memories = [kl.GRU(4, return_sequences=True), kl.SimpleRNN(4, return_sequences=True)]
        self.parts = {"norm": kl.RMSNormalization(), "head": kl.Dense(2, "gelu")}

    def call(self, x, training=None):
        for memory in self.memories:
            x = memory(x, training=training)
        return self.parts["head"](self.parts["norm"](x))


def subclassed():
    model = Subclassed()
    model(np.zeros((1, *FEATURES), "float32"))
    return model


def several_outputs():
    tokens, x = embedded()
    x, state = kl.GRU(4, return_sequences=True, return_state=True)(x)
    return keras.Model(tokens, [kl.Dense(2, name="tags")(x), kl.Dense(1, name="score")(state)])


def mixed_bfloat16():
    with policy("mixed_bfloat16"):
        tokens, x = embedded()
        return keras.Model(tokens, kl.Dense(2, dtype="float32")(block(x)))


def mixed_float16():
    with policy("mixed_float16"):
        return keras.Sequential([keras.Input(FEATURES), kl.LSTM(4, return_sequences=True), kl.LayerNormalization()])


def encoder_decoder():
    source, target = words(), words()
    _, *states = kl.LSTM(6, return_state=True)(kl.Embedding(11, 5, mask_zero=True)(source))
    x = kl.LSTM(6, return_sequences=True)(kl.Embedding(11, 5, mask_zero=True)(target), initial_state=states)
    return keras.Model([source, target], kl.Dense(11)(x))


def transformer_encoder():
    tokens, x = embedded()
    return keras.Model(tokens, kl.Dense(2)(kl.GlobalAveragePooling1D()(block(block(x)))))


def transformer_decoder():
    tokens, x = embedded()
    return keras.Model(tokens, kl.Dense(11)(block(x, causal=True, activation=keras.activations.gelu)))


def cross_attention():
    source, target = words(), words()
    x, memory = (kl.Embedding(11, 8, mask_zero=True)(tokens) for tokens in (target, source))
    x = block(x, causal=True)
    return keras.Model([source, target], kl.LayerNormalization()(x + kl.MultiHeadAttention(2, 4)(x, memory)))


def dot_product_attention():
    source, target = words(), words()
    x, memory = (kl.LSTM(6, return_sequences=True)(kl.Embedding(11, 8, mask_zero=True)(t)) for t in (target, source))
    attended = kl.Concatenate()([x, kl.Attention(use_scale=True)([x, memory]), kl.AdditiveAttention()([x, memory])])
    return keras.Model([source, target], attended)


def cells():
    return keras.Sequential([keras.Input(FEATURES), kl.RNN([kl.LSTMCell(4), kl.GRUCell(3)], return_sequences=True)])


def convolutions():
    convolutions = kl.Conv1D(6, 3, padding="causal", activation="relu"), kl.BatchNormalization(), kl.MaxPooling1D(2)
    return keras.Sequential([keras.Input(FEATURES), *convolutions, kl.GRU(4), kl.Dense(2)])


@register
class Block(kl.Layer):
    """Custom layer that creates its layers in `build`, as those of KerasHub do."""

    def __init__(self, heads, **kwargs):
        super().__init__(**kwargs)
        self.heads, self.supports_masking = heads, True

    def build(self, shape):
        self.attention = kl.MultiHeadAttention(self.heads, 4)
        self.attention.build(shape, shape)
        self.norm = kl.LayerNormalization()
        self.norm.build(shape)

    def call(self, x, mask=None):
        attention_mask = None if mask is None else mask[:, None, :]
        return self.norm(x + self.attention(x, x, attention_mask=attention_mask))

    def get_config(self):
        return {**super().get_config(), "heads": self.heads}


def custom_layer():
    tokens, x = embedded()
    return keras.Model(tokens, kl.GlobalAveragePooling1D()(Block(2)(Block(2)(x))))


def other_axes():
    images = keras.Input((8, 8, 4))
    x = kl.LayerNormalization(axis=[1, 2, 3])(kl.Conv2D(4, 3, padding="same")(images))
    return keras.Model(images, kl.LayerNormalization()(kl.GroupNormalization(2)(x)))


def other_recurrences():
    relu = kl.SimpleRNN(4, activation="relu", return_sequences=True)
    backwards = kl.GRU(4, go_backwards=True, return_sequences=True)
    layers = relu, backwards, kl.LSTM(3, unroll=True, use_bias=False), kl.Dense(2)
    return keras.Sequential([keras.Input(FEATURES), *layers])


def mixer():
    patches = keras.Input((6, 8))
    x = patches + kl.EinsumDense("bpc,pq->bqc", (6, 8))(kl.LayerNormalization()(patches))
    x += kl.EinsumDense("bph,hc->bpc", (6, 8), bias_axes="c")(kl.Dense(16, "gelu")(kl.LayerNormalization()(x)))
    return keras.Model(patches, kl.GlobalAveragePooling1D()(x))


def wrappers():
    normalized = kl.SpectralNormalization(kl.Dense(4, "gelu"))
    return keras.Sequential([keras.Input(FEATURES), kl.TimeDistributed(kl.Dense(4, "gelu")), normalized])


def tabular():
    numbers, city = keras.Input((4,)), words((1,))
    deep = kl.Dense(8, "gelu")(kl.Concatenate()([numbers, kl.Flatten()(kl.Embedding(11, 3)(city))]))
    return keras.Model([numbers, city], kl.Dense(1)(kl.Concatenate()([kl.LayerNormalization()(deep), numbers])))


FORMS = [
    masked_lstm,
    bidirectional,
    masking_layer,
    time_distributed,
    stateful,
    shared,
    nested,
    subclassed,
    several_outputs,
    mixed_bfloat16,
    mixed_float16,
    encoder_decoder,
    transformer_encoder,
    transformer_decoder,
    cross_attention,
    dot_product_attention,
    cells,
    convolutions,
    custom_layer,
    other_axes,
    other_recurrences,
    mixer,
    wrappers,
    tabular,
]
APPLICATIONS = ["MobileNet", "MobileNetV2", "MobileNetV3Small", "ResNet50", "VGG16", "ConvNeXtTiny"]


def application(name):
    model = getattr(keras.applications, name)(weights=None, input_shape=(32, 32, 3), classes=3)
    if name != "ConvNeXtTiny":
        return model
    # The first 2 of 18 blocks and the head, because the others are like these.
    x = model.get_layer("convnext_tiny_stage_0_block_1_identity").output
    head = kl.GlobalAveragePooling2D(), kl.LayerNormalization(epsilon=1e-6), kl.Dense(3)
    return keras.Model(model.input, keras.Sequential(head)(x))


def bert(dropout=0.0):
    import keras_hub

    sizes = {"num_layers": 2, "num_heads": 2, "hidden_dim": 16, "intermediate_dim": 32, "dropout": dropout}
    backbone = keras_hub.models.BertBackbone(vocabulary_size=11, max_sequence_length=9, **sizes)
    return keras.Model(backbone.inputs, kl.Dense(1)(backbone.output["pooled_output"]))


def distil_bert(dropout=0.0):
    import keras_hub

    sizes = {"num_layers": 2, "num_heads": 2, "hidden_dim": 16, "intermediate_dim": 32, "dropout": dropout}
    return keras_hub.models.DistilBertBackbone(vocabulary_size=11, max_sequence_length=9, **sizes)


def gpt2(dropout=0.0):
    import keras_hub

    sizes = {"num_layers": 2, "num_heads": 2, "hidden_dim": 16, "intermediate_dim": 32, "dropout": dropout}
    return keras_hub.models.GPT2Backbone(vocabulary_size=11, max_sequence_length=9, **sizes)


def llama(dropout=0.0):
    import keras_hub

    heads = {"num_query_heads": 4, "num_key_value_heads": 2}
    sizes = {"num_layers": 2, "hidden_dim": 16, "intermediate_dim": 32, "dropout": dropout, **heads}
    return keras_hub.models.LlamaBackbone(vocabulary_size=11, **sizes)


def vit(dropout=0.0):
    import keras_hub

    sizes = {"num_layers": 2, "num_heads": 2, "hidden_dim": 16, "mlp_dim": 32}
    rates = {"dropout_rate": dropout, "attention_dropout": dropout}
    return keras_hub.models.ViTBackbone(image_shape=(32, 32, 3), patch_size=8, **sizes, **rates)


def resnet(dropout=0.0):
    import keras_hub

    stages = {"stackwise_num_filters": [64, 64], "stackwise_num_blocks": [1, 1], "stackwise_num_strides": [1, 2]}
    kind = {"block_type": "basic_block", "input_conv_filters": [64], "input_conv_kernel_sizes": [3]}
    return keras_hub.models.ResNetBackbone(**stages, **kind, image_shape=(32, 32, 3))


KERAS_HUB = [bert, distil_bert, gpt2, llama, vit, resnet]


@contextlib.contextmanager
def policy(name):
    """Context manager that sets the global dtype policy."""
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy("float32")


def data(model, batch=6):
    """Returns inputs for a model: integers with padding at the end, masks, or numbers."""
    rng = np.random.default_rng(0)

    def array(tensor):
        shape = (batch, *(7 if size is None else size for size in tensor.shape[1:]))
        if tensor.name.startswith("padding_mask"):
            return (np.arange(shape[1]) < np.resize([7, 4, 1], batch)[:, None]).astype("int32")
        if tensor.name.startswith("segment_ids"):
            return np.zeros(shape, "int32")
        if "int" in tensor.dtype:
            padding = np.arange(shape[1]) >= np.resize([shape[1], 4, 1], batch)[:, None]
            return np.where(padding, 0, rng.integers(1, 11, shape)).astype("int32")
        return rng.normal(size=shape).astype("float32")

    if isinstance(model, Subclassed):
        return rng.normal(size=(batch, *FEATURES)).astype("float32")
    sequential = isinstance(model, keras.Sequential)
    return keras.tree.map_structure(array, model.inputs[0] if sequential else model.input)


def observe(model, x, fits, jit_compile):
    """Returns the outputs, predictions and gradients of a model, and its losses and weights after training."""
    reset(model)
    start = model.get_weights()
    tensors = keras.tree.map_structure(tf.constant, x)
    with tf.GradientTape() as tape:
        outputs = keras.tree.flatten(model(tensors, training=False))
        total = tf.add_n([tf.reduce_mean(tf.cast(output, "float32") ** 2) for output in outputs])
    gradients = [tf.convert_to_tensor(g) for g in tape.gradient(total, model.trainable_weights) if g is not None]
    reset(model)
    model.compile(keras.optimizers.SGD(0.01), "mse", jit_compile=jit_compile)
    predictions = model.predict(x, batch_size=6, verbose=0)
    seen = {"output": outputs, "prediction": keras.tree.flatten(predictions), "gradient": gradients}
    if fits:
        targets = keras.tree.map_structure(np.ones_like, predictions)
        reset(model)
        history = model.fit(x, targets, batch_size=6, epochs=2, shuffle=False, verbose=0).history
        seen["loss"] = history["loss"]
        seen["weight"] = model.get_weights()
        model.set_weights(start)
    return {name: [np.asarray(value, "float32") for value in values] for name, values in seen.items()}


def reset(model):
    for layer in inner_layers(model):
        if getattr(layer, "stateful", False):
            layer.reset_state()


def assert_same(one, other, tolerance):
    assert one.keys() == other.keys()
    for name, values in one.items():
        for first, second in zip(values, other[name], strict=True):
            scale = max(1.0, float(np.abs(second).max(initial=0)))
            np.testing.assert_allclose(first, second, rtol=tolerance, atol=tolerance * scale, err_msg=name)


def check(build, tmp_path, capsys, fits=True, jit_compile="auto"):
    keras.utils.set_random_seed(0)
    model = build()
    rng = np.random.default_rng(1)
    for weight in model.trainable_weights:
        weight.assign(weight + rng.uniform(0, 0.05, weight.shape))
    x = data(model)
    tolerance = 0.05 if any("float16" in layer.compute_dtype for layer in inner_layers(model)) else 1e-4
    before, layers = observe(model, x, fits, jit_compile=False), list(inner_layers(model))
    accelerate(model)
    replaced = "no layers that could be replaced" not in capsys.readouterr().out
    assert_same(observe(model, x, fits, jit_compile), before, tolerance)
    if not replaced:
        assert all(one is other for one, other in zip(inner_layers(model), layers, strict=True))
        return

    reset(model)
    expected = {"prediction": before["prediction"]}
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    loaded.compile(jit_compile=False)
    assert_same({"prediction": keras.tree.flatten(loaded.predict(x, batch_size=6, verbose=0))}, expected, tolerance)
    reset(model)
    model.export(tmp_path / "exported", verbose=False)
    exported = tf.saved_model.load(tmp_path / "exported")
    assert_same(
        {"prediction": keras.tree.flatten(exported.serve(keras.tree.map_structure(tf.constant, x)))},
        expected,
        tolerance,
    )


@pytest.mark.parametrize("build", FORMS, ids=lambda build: build.__name__)
def test_usual_forms(build, tmp_path, capsys):
    check(build, tmp_path, capsys)


@pytest.mark.parametrize("name", APPLICATIONS)
def test_keras_applications(name, tmp_path, capsys):
    # The others have no layers that could be replaced, and take long to train. XLA takes long to compile convolutions.
    check(lambda: application(name), tmp_path, capsys, fits=name == "ConvNeXtTiny", jit_compile=False)


@needs_keras_hub
@pytest.mark.parametrize("build", KERAS_HUB, ids=lambda build: build.__name__)
def test_keras_hub(build, tmp_path, capsys):
    check(build, tmp_path, capsys)


@needs_keras_hub
@pytest.mark.parametrize("build", [bert, distil_bert, gpt2, llama, vit], ids=lambda build: build.__name__)
def test_keras_hub_with_dropout(build):
    """Attention draws other dropout masks than in Keras, so only finite losses and the predictions are compared."""
    keras.utils.set_random_seed(0)
    model = build(dropout=0.2)
    x = data(model)
    model.compile(jit_compile=False)
    expected = keras.tree.map_structure(np.asarray, model.predict(x, verbose=0))
    accelerate(model)
    model.compile("adam", "mse")
    keras.tree.map_structure(
        lambda one, other: np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4),
        model.predict(x, verbose=0),
        expected,
    )
    targets = keras.tree.map_structure(np.zeros_like, expected)
    losses = model.fit(x, targets, verbose=0).history["loss"]
    assert np.isfinite(losses).all()
