"""Conversion of trained models by replacing layers."""

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

import keras

from tensorsmith.core import check, is_integer
from tensorsmith.core.types import Tensor
from tensorsmith.layers._support.graphs import check_graph, is_graph
from tensorsmith.layers.dense.dense_transpose import DenseTranspose


def convert_layers(
    model: keras.Model,
    convert: Callable[[keras.Layer], keras.Layer | None] | Mapping[type[Any], type[Any]],
    any_size: bool = False,
    batch_size: int | Literal["same"] | None = "same",
) -> keras.Model:
    """Returns a copy of a trained model in which layers are replaced and weight values are preserved.

    The copy does not share weights with the model: training one does not change the other. Nested models are converted
    too. Layers inside other layers, such as those of `keras.layers.TimeDistributed` or `keras.layers.RNN`, are not
    visited. The copy of a compiled model is compiled with the same loss and with an optimizer in its initial state. If
    Keras cannot restore a metric from its config, for example a custom function, the copy is not compiled and a warning
    is issued.

    Args:
        model: Built functional or Sequential model.
        convert: Function that takes a layer of the model and returns its replacement: the same layer to copy it,
            another layer, or `None` to remove it. A new layer receives the weights of the replaced layer; a
            `keras.layers.Wrapper` passes them to its inner layer. A layer that is already built keeps its weights. Or a
            dict that maps classes of layers to the classes that replace them, which are created from the same config.
        any_size: If `True`, the converted model accepts inputs of any size along all axes except the batch axis and the
            last axis.
        batch_size: Batch size of the inputs of the converted model, or `None` for any batch size. If `"same"`, it is
            that of the model. Together with a function that changes `stateful` of recurrent layers, it converts a model
            to a stateless one and back, as in the second example.

    Returns:
        A copy of the model.

    Raises:
        ValueError: If `model` is not a built functional or Sequential model, a layer cannot take the weights of the
            layer that it replaces, or `batch_size` is invalid.

    Example:
        >>> import keras
        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2), keras.layers.ReLU()])
        >>> without = convert_layers(model, lambda layer: None if isinstance(layer, keras.layers.ReLU) else layer)
        >>> [layer.name == other.name for layer, other in zip(model.layers, without.layers)]
        [True]

        A model with stateful layers, which was trained on batches of 4 sequences, becomes stateless:

        >>> stateful = keras.Sequential([keras.Input(batch_shape=(4, None, 3)), keras.layers.GRU(2, stateful=True)])
        >>> def without_states(layer):
        ...     if not isinstance(layer, keras.layers.RNN):
        ...         return layer
        ...     return type(layer).from_config({**layer.get_config(), "stateful": False})
        >>> stateless = convert_layers(stateful, without_states, batch_size=None)
        >>> stateful.output_shape, stateless.output_shape
        ((4, 2), (None, 2))
    """
    check_graph(model)
    fits = batch_size in ("same", None) or (is_integer(batch_size) and int(batch_size) > 0)
    check(fits, "batch_size", batch_size, "a positive integer, None or 'same'")
    conversion = _Conversion(_by_class(convert) if isinstance(convert, Mapping) else convert, any_size, batch_size)
    copy = conversion.model(model)
    for layer, new in conversion.heirs:
        _carry_weights(layer, new)
    return copy


def _by_class(classes: Mapping[type[Any], type[Any]]) -> Callable[[Any], Any]:
    """Returns a function that replaces layers of the given classes, but not those of subclasses."""
    fits = all(isinstance(kind, type) and issubclass(kind, keras.Layer) for pair in classes.items() for kind in pair)
    check(fits, "convert", classes, "a dict of layer classes, or a function")

    def convert(layer: keras.Layer) -> keras.Layer:
        kind = classes.get(type(layer))
        return layer if kind is None else kind.from_config(layer.get_config())

    return convert


class _Dropped(keras.layers.Identity):
    """Placeholder for a removed layer while the model is being copied."""


class _Conversion:
    """State of a model conversion. It stores the converted layers, so that shared layers remain shared."""

    def __init__(self, convert: Callable[[Any], Any], any_size: bool, batch_size: int | str | None):
        self.convert = convert
        self.any_size = any_size
        self.batch_size = batch_size
        self.copies: dict[int, Any] = {}
        self.heirs: list[tuple[Any, Any]] = []  # pairs of a layer and the replacement that receives its weights

    def model(self, model: keras.Model) -> keras.Model:
        """Returns the converted copy of a model."""

        def copy(layer: keras.Layer) -> keras.Layer:
            if id(layer) not in self.copies:
                self.copies[id(layer)] = self.model(layer) if is_graph(layer) else self.layer(layer)
            return self.copies[id(layer)]

        inputs = keras.tree.map_structure(self.input, model.inputs[0] if _is_sequential(model) else model.input)
        if _is_sequential(model):
            layers = [made for made in map(copy, model.layers) if not isinstance(made, _Dropped)]
            made = keras.Sequential([inputs, *layers], name=model.name)
        else:
            with _uncompiled(model):
                made = keras.models.clone_model(model, input_tensors=inputs, clone_function=copy, call_function=_call)
        if model.compiled:
            _compile(made, model)
        return made

    def layer(self, layer: keras.Layer) -> keras.Layer:
        """Returns the replacement of a layer. Operations, such as a sum of tensors, are copied unchanged."""
        if not isinstance(layer, keras.layers.Layer):
            return type(layer).from_config(layer.get_config())
        new = self.convert(layer)
        if new is None:
            return _Dropped()
        if new is layer:
            new = self.same(layer)
        elif new.built:
            return new
        self.heirs.append((layer, new))
        return new

    def same(self, layer: keras.Layer) -> keras.Layer:
        """Returns a copy of a layer. References to other layers become references to their converted copies."""
        config = layer.get_config()
        if isinstance(layer, DenseTranspose) and id(layer.dense) in self.copies:
            dense = self.copies[id(layer.dense)]
            config["dense"] = getattr(dense, "layer", dense)  # the inner layer, if it is wrapped
        return type(layer).from_config(config)

    def input(self, tensor: Tensor) -> Tensor:
        """Returns a new input tensor for the converted model, given an input tensor of the original model."""
        batch, *sizes = tensor.shape
        if self.any_size and sizes:
            sizes[:-1] = [None] * (len(sizes) - 1)
        batch = batch if self.batch_size == "same" else self.batch_size
        return keras.Input(batch_shape=(batch, *sizes), dtype=tensor.dtype, name=tensor.name)


def _is_sequential(model: keras.Model) -> bool:
    return isinstance(model, keras.Sequential)


def _call(layer: keras.Layer, *args: Any, **kwargs: Any) -> Any:
    return args[0] if isinstance(layer, _Dropped) else layer(*args, **kwargs)


@contextmanager
def _uncompiled(model: keras.Model) -> Iterator[None]:
    """Context manager in which Keras clones a model without compiling the clone.

    Keras restores losses from their configs, which fails for some losses and drops arguments of others.
    """
    compiled, model.compiled = model.compiled, False
    try:
        yield
    finally:
        model.compiled = compiled


def _compile(copy: keras.Model, model: keras.Model) -> None:
    """Compiles the converted model with the compile arguments and the loss instance of the original model."""
    if type(copy).compile is not keras.Model.compile:  # custom `compile`: its class restores the arguments
        copy.compile_from_config(model.get_compile_config())
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras warns about saving lambdas; nothing is saved here
            config = model.get_compile_config()
        del config["loss"]
        arguments = keras.saving.deserialize_keras_object(config)
    except (TypeError, ValueError) as error:
        warnings.warn(f"The copy of {model.name!r} is not compiled, do so before you train it: {error}", stacklevel=2)
    else:
        copy.compile(loss=model.loss, **arguments)


def _carry_weights(layer: keras.Layer, new: keras.Layer) -> None:
    shapes = [weight.shape for weight in layer.weights]
    if isinstance(new, keras.layers.Wrapper) and not isinstance(layer, keras.layers.Wrapper):
        new = new.layer
    found = [weight.shape for weight in new.weights]
    remedy = "build the new layer and set its weights before returning it"
    check(
        found == shapes,
        "convert",
        found,
        f"a function that returns a layer with weights of shapes {shapes} for {layer.name!r}",
        remedy,
    )
    new.set_weights(layer.get_weights())
    if hasattr(new, "finalize_state"):  # preprocessing layers recompute the state that they adapted
        new.finalize_state()
