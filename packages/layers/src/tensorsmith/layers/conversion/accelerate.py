"""Acceleration of Keras models: their layers are exchanged for equivalent layers with compiled kernels."""

import weakref
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

import keras

from tensorsmith import ops
from tensorsmith.core import ArgumentError, check, print_text
from tensorsmith.core.keras_internals import (
    overrides_compute_attention,
    replace_compute_attention,
    replaces_compute_attention,
)
from tensorsmith.layers._support.dense_product import contracted_axes
from tensorsmith.layers._support.gelu_activation import gelu_variant
from tensorsmith.layers._support.inner_layers import inner_layers
from tensorsmith.layers._support.kernel_attention import compute_attention
from tensorsmith.layers._support.kernel_layer import KernelLayer
from tensorsmith.layers.attention.attention import Attention
from tensorsmith.layers.attention.multi_head_attention import MultiHeadAttention
from tensorsmith.layers.dense.dense import Dense
from tensorsmith.layers.dense.einsum_dense import EinsumDense
from tensorsmith.layers.normalization.layer_normalization import LayerNormalization
from tensorsmith.layers.normalization.rms_normalization import RMSNormalization
from tensorsmith.layers.recurrent.gru import GRU
from tensorsmith.layers.recurrent.lstm import LSTM
from tensorsmith.layers.recurrent.simple_rnn import SimpleRNN
from tensorsmith.layers.regularization.dropout import Dropout

ACCELERATED: dict[type[Any], type[Any]] = {
    keras.layers.Attention: Attention,
    keras.layers.Dense: Dense,
    keras.layers.Dropout: Dropout,
    keras.layers.EinsumDense: EinsumDense,
    keras.layers.GRU: GRU,
    keras.layers.LSTM: LSTM,
    keras.layers.LayerNormalization: LayerNormalization,
    keras.layers.MultiHeadAttention: MultiHeadAttention,
    keras.layers.RMSNormalization: RMSNormalization,
    keras.layers.SimpleRNN: SimpleRNN,
}
ORIGINAL = {ours: theirs for theirs, ours in ACCELERATED.items()}
MOST_NAMES = 5  # of layers of one class in the report
DEFAULT_ACTIVATIONS = (keras.activations.tanh, keras.activations.sigmoid)

# Models for which `accelerate` turned XLA off, with the optimizers that they were compiled with.
_compiled_with_xla: weakref.WeakKeyDictionary[keras.Model, Any] = weakref.WeakKeyDictionary()


class ObstacleError(Exception):
    """Error raised if a layer cannot be replaced, with the reason."""


def accelerate(model: keras.Model) -> keras.Model:
    """Replaces the layers of a Keras model that have faster equivalents in tensorsmith, and returns the model.

    `LSTM`, `GRU`, `SimpleRNN`, `LayerNormalization`, `RMSNormalization`, `MultiHeadAttention`, `Attention`,
    `EinsumDense` and `Dense` with GELU become those of `tensorsmith.layers`, with the same outputs, and so does
    `Dropout` in models with any of them. Subclasses of `MultiHeadAttention`, such as those of KerasHub, keep their
    class and use the kernel, unless they compute attention differently. The model is changed in place: each layer
    changes its class and keeps its weights, name and connections. Therefore, shared layers, nested models, subclassed
    models and layers inside other layers, such as `keras.layers.Bidirectional`, are supported, and a compiled model
    remains compiled, including the state of its optimizer. XLA, which cannot use the kernels, is turned off for the
    model.

    A model that is saved and loaded consists of the same layers, except for those inside custom layers: these are
    created by the code of the custom layer, so call `accelerate` again after loading.

    The function prints which layers were replaced, and for the others of these kinds the reason why they were not.

    Args:
        model: Built Keras model.

    Returns:
        The model.

    Raises:
        ValueError: If `model` is not a Keras model or not built.

    Example:
        >>> import keras
        >>> model = keras.Sequential([keras.Input((10, 3)), keras.layers.LSTM(4, name="memory")])
        >>> model = accelerate(model)
        Replaced 1 LSTM (memory).
        >>> type(model.layers[0])
        <class 'tensorsmith.layers.recurrent.lstm.LSTM'>
    """
    _exchange(model, ACCELERATED)
    models = [model, *(layer for layer in inner_layers(model) if isinstance(layer, keras.Model))]
    for one in models:
        if ops.active() and one.compiled and one.jit_compile and _has_kernels(one):
            one.jit_compile = False
            _compiled_with_xla[one] = one.optimizer
    if not ops.active():
        print_text("The compiled kernels are not in use, so that the model is not faster. See `tensorsmith doctor`.")
    return model


def decelerate(model: keras.Model) -> keras.Model:
    """Replaces layers of `tensorsmith.layers` in a model by the Keras layers that they extend, and returns the model.

    This is the inverse of `accelerate`, for example to save a model that is loaded without tensorsmith. Layers that
    were created as layers of tensorsmith are replaced too, and XLA is turned on again if `accelerate` turned it off.

    Args:
        model: Built Keras model.

    Returns:
        The model.

    Raises:
        ValueError: If `model` is not a Keras model or not built.

    Example:
        >>> import keras
        >>> from tensorsmith.layers import LSTM
        >>> model = decelerate(keras.Sequential([keras.Input((10, 3)), LSTM(4, name="memory")]))
        Replaced 1 LSTM (memory).
        >>> type(model.layers[0]) is keras.layers.LSTM
        True
    """
    _exchange(model, ORIGINAL)
    for one in (model, *inner_layers(model)):
        optimizer = _compiled_with_xla.pop(one, None) if isinstance(one, keras.Model) else None
        # Another optimizer means that the model was compiled again, with its own choice.
        if optimizer is not None and optimizer is one.optimizer:
            one.jit_compile = True
    return model


def _has_kernels(model: keras.Model) -> bool:
    return any(isinstance(layer, KernelLayer) or _has_kernel_method(layer) for layer in inner_layers(model))


def _has_kernel_method(layer: keras.Layer) -> bool:
    return isinstance(layer, keras.layers.MultiHeadAttention) and replaces_compute_attention(layer)


def _exchange(model: keras.Model, classes: Mapping[type[Any], type[Any]]) -> None:
    """Exchanges the classes of layers, and prints which layers were replaced."""
    check(isinstance(model, keras.Model), "model", model, "a Keras model")
    check(model.built, "model", model.name, "built", "call the model once, or start it with keras.Input")
    replaced = defaultdict(list)
    left = []
    # Dropout comes last, because it is only replaced beside other kernels: alone, it is not worth turning off XLA.
    for layer in sorted(inner_layers(model), key=lambda layer: isinstance(layer, keras.layers.Dropout)):
        if isinstance(layer, keras.layers.Dropout) and classes is ACCELERATED and not _has_kernels(model):
            break
        try:
            kind = _change(layer, classes)
        except ObstacleError as error:
            left.append(f"{layer.name} ({type(layer).__name__}) was not replaced: {error}.")
        else:
            if kind is not None:
                replaced[kind].append(layer.name)
    # The traced functions call the previous classes.
    for one in (model, *inner_layers(model)):
        if isinstance(one, keras.Model):
            one.train_function = one.test_function = one.predict_function = None
    parts = [f"{len(names)} {kind} ({_some(names)})" for kind, names in sorted(replaced.items())]
    print_text(f"Replaced {', '.join(parts)}." if parts else f"{model.name!r} has no layers that could be replaced.")
    for line, count in Counter(left).items():
        print_text(line if count == 1 else f"{line[:-1]} ({count} layers).")


def _some(names: list[str]) -> str:
    """Returns a list of the distinct names, which blocks of a model repeat, shortened if it is long."""
    distinct = list(dict.fromkeys(names))
    return ", ".join(distinct if len(distinct) <= MOST_NAMES else [*distinct[:MOST_NAMES], "..."])


def _change(layer: Any, classes: Mapping[type[Any], type[Any]]) -> str | None:
    """Exchanges the class of a layer or its method, and returns the name of its class, or `None` if it is unchanged."""
    if _has_kernel_method(layer):
        if classes is not ORIGINAL:
            return None
        replace_compute_attention(layer, None)
        layer.supports_jit = True
        return type(layer).__name__
    kind = next((kind for kind in classes if isinstance(layer, kind)), None)
    if kind is None or type(layer) in classes.values() or not _gains(layer):
        return None
    if kind is keras.layers.MultiHeadAttention and type(layer) is not kind and not overrides_compute_attention(layer):
        # Subclasses such as those of KerasHub, which add caches, keep their class.
        _check_kernel(layer)
        replace_compute_attention(layer, compute_attention)
        layer.supports_jit = False
        return type(layer).__name__
    _become(layer, classes[kind], kind)
    return kind.__name__


def _gains(layer: Any) -> bool:
    """Returns `False` for layers that Keras computes as fast. They are common and therefore not reported."""
    if isinstance(layer, keras.layers.Dropout):
        return type(layer) in (keras.layers.Dropout, Dropout) and layer.rate > 0 and layer.noise_shape is None
    if isinstance(layer, keras.layers.Dense):
        faster = gelu_variant(layer.activation) is not None
    elif isinstance(layer, keras.layers.EinsumDense):
        faster = layer.built and contracted_axes(layer) is not None
    else:
        return True
    return type(layer) in (*ACCELERATED, *ORIGINAL) and layer.quantization_mode is None and faster


def _become(layer: Any, kind: type[Any], before: type[Any]) -> None:
    """Changes the class of a layer and adds the attributes that the constructor of the new class sets.

    Raises:
        ObstacleError: If the new class does not compute the same, or has no kernel for this layer.
    """
    if type(layer) is not before:
        raise ObstacleError(f"it is a subclass of {before.__name__}")
    if not layer.built:
        raise ObstacleError("it is not built")
    config = layer.get_config()
    if kind in ORIGINAL:
        _check_kernel(layer)
    elif config.pop("epsilon_outside", False):
        raise ObstacleError("Keras has no `epsilon_outside`")
    try:
        new = kind.from_config(config)
    except ArgumentError as error:  # values that only Keras accepts, such as a dropout rate of 1
        raise ObstacleError(str(error).rstrip(".")) from error
    if not getattr(new, "has_kernel", True):
        raise ObstacleError("there is no kernel for its options")
    # One of the classes is a subclass of the other and has the same weights: they differ in methods and in attributes
    # that the constructor sets.
    object.__setattr__(layer, "__class__", kind)
    for name, value in vars(new).items():
        vars(layer).setdefault(name, value)


def _check_kernel(layer: Any) -> None:
    """Raises an `ObstacleError` if there is no kernel for the arguments of a Keras layer."""
    if keras.backend.standardize_dtype(layer.compute_dtype) == "float64":
        raise ObstacleError("there is no kernel for float64")
    if isinstance(layer, keras.layers.RNN):
        activations = layer.activation, getattr(layer, "recurrent_activation", keras.activations.sigmoid)
        if activations != DEFAULT_ACTIVATIONS:
            raise ObstacleError("there is no kernel for its activations")
    if isinstance(layer, keras.layers.LayerNormalization | keras.layers.RMSNormalization):
        axes = layer.axis if isinstance(layer.axis, list | tuple) else [layer.axis]
        rank = len(layer.get_build_config()["input_shape"])
        if [axis % rank for axis in axes] != [rank - 1] or getattr(layer, "rms_scaling", False):
            raise ObstacleError("the kernel requires the last axis and no `rms_scaling`")
    if isinstance(layer, keras.layers.Attention) and layer.score_mode != "dot":
        raise ObstacleError('there is no kernel for score_mode="concat"')
