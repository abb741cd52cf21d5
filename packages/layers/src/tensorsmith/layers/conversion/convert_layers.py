"""Copies of trained models with other layers in some places."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras

from tensorsmith.core import check
from tensorsmith.core.types import Tensor
from tensorsmith.layers._support.graphs import check_graph, is_graph
from tensorsmith.layers.dense.dense_transpose import DenseTranspose


def convert_layers(
    model: keras.Model, convert: Callable[[keras.Layer], keras.Layer | None], any_size: bool = False
) -> keras.Model:
    """A copy of a trained model in which other layers stand in some places, and all weights are carried over.

    The copy has weights of its own: to train it leaves the model as it is. Models within the model are copied alike;
    layers within other layers, as in `keras.layers.TimeDistributed` or `keras.layers.RNN`, are not looked at. A model
    that was compiled gives a copy that is compiled alike, with the same loss and an optimizer that starts anew. Where
    Keras cannot make a metric of its config, as of a function of your own, the copy is not compiled, with a warning.

    Args:
        model: A functional or Sequential model.
        convert: Takes a layer of the model and returns what is to stand in its place: the layer itself for a copy of
            it, another layer, or None for nothing. Another layer gets the weights of the one that it replaces; a
            `keras.layers.Wrapper` gets them into its inner layer; one that is built already keeps its own.
        any_size: Whether the copy takes inputs of any size, along all axes but the batch's and the last.

    Returns:
        The copy.

    Raises:
        ValueError: `model` is no such model, or a layer cannot take the weights of the one that it replaces.

    Example:
        >>> import keras
        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2), keras.layers.ReLU()])
        >>> without = convert_layers(model, lambda layer: None if isinstance(layer, keras.layers.ReLU) else layer)
        >>> [layer.name == other.name for layer, other in zip(model.layers, without.layers)]
        [True]
    """
    check_graph(model)
    conversion = _Conversion(convert, any_size)
    copy = conversion.model(model)
    for layer, new in conversion.heirs:
        _carry_weights(layer, new)
    return copy


class _Dropped(keras.layers.Identity):
    """Stands where nothing is to stand, while the copy is made."""


class _Conversion:
    """One conversion: keeps the copies, so that what is shared in the model is shared in its copy."""

    def __init__(self, convert: Callable[[Any], Any], any_size: bool):
        self.convert = convert
        self.any_size = any_size
        self.copies: dict[int, Any] = {}
        self.heirs: list[tuple[Any, Any]] = []  # layers, and those that are to get their weights

    def model(self, model: keras.Model) -> keras.Model:
        """The copy of a model."""

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
        """What stands in a layer's place; for an operation, such as a sum of tensors, its copy."""
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
        """A layer like another one, tied to the copies of what that one is tied to."""
        config = layer.get_config()
        if isinstance(layer, DenseTranspose) and id(layer.dense) in self.copies:
            dense = self.copies[id(layer.dense)]
            config["dense"] = getattr(dense, "layer", dense)  # within its wrapper, if it got one
        return type(layer).from_config(config)

    def input(self, tensor: Tensor) -> Tensor:
        """The copy's input for one of the model's."""
        batch, *sizes = tensor.shape
        if self.any_size and sizes:
            sizes[:-1] = [None] * (len(sizes) - 1)
        return keras.Input(batch_shape=(batch, *sizes), dtype=tensor.dtype, name=tensor.name)


def _is_sequential(model: keras.Model) -> bool:
    return isinstance(model, keras.Sequential)


def _call(layer: keras.Layer, *args: Any, **kwargs: Any) -> Any:
    return args[0] if isinstance(layer, _Dropped) else layer(*args, **kwargs)


@contextmanager
def _uncompiled(model: keras.Model) -> Iterator[None]:
    """Keeps Keras from compiling a clone, since it makes losses of their configs: not all can be, and some forget."""
    compiled, model.compiled = model.compiled, False
    try:
        yield
    finally:
        model.compiled = compiled


def _compile(copy: keras.Model, model: keras.Model) -> None:
    """Compiles the copy as the model, with the same loss."""
    if type(copy).compile is not keras.Model.compile:  # the class knows what to make of its arguments
        copy.compile_from_config(model.get_compile_config())
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a lambda is not safe to save: none is saved here
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
    remedy = "build the new layer and set its weights before you return it"
    check(found == shapes, "convert", found, f"weights of the shapes {shapes} for {layer.name!r}", remedy)
    new.set_weights(layer.get_weights())
    if hasattr(new, "finalize_state"):  # of Keras' preprocessing layers, which compute with what they adapted to
        new.finalize_state()
