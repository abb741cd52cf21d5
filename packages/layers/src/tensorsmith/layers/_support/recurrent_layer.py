"""What recurrent layers on compiled kernels share."""

import functools
import inspect
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any, ClassVar

import keras
import tensorflow as tf

from tensorsmith import ops
from tensorsmith.core import SharedDocstrings, check, is_integer, is_number, plain
from tensorsmith.core.types import NestedTensors, Tensor, Variable
from tensorsmith.layers._support.floating import floating
from tensorsmith.layers._support.kernel_layer import KernelLayer

HALF_AND_SINGLE = (tf.float32, tf.float16, tf.bfloat16)
OF_LAYERS = (
    "activity_regularizer",
    "dtype",
    "go_backwards",
    "name",
    "return_sequences",
    "return_state",
    "stateful",
    "trainable",
    "unroll",
    "zero_output_for_mask",
)

ARGUMENTS = """\
dropout: Fraction of the inputs to drop, in [0, 1).
recurrent_dropout: Fraction of h to drop before the recurrent product, in [0, 1).
seed: Integer that fixes the dropout.
return_sequences: If `True`, the outputs of all steps are returned, not only the last.
return_state: If `True`, the states after the last step are returned, too."""
KERAS_ARGUMENTS = f"""{ARGUMENTS}
go_backwards: If `True`, the last step is processed first; outputs are returned in processing (reversed) order.
stateful: If `True`, a batch starts with the states after the previous one.
unroll: Accepted; only Keras' own loop can be unrolled.
**kwargs: `zero_output_for_mask`, `name`, `dtype`, `trainable`."""
CALL = """\
Call arguments:
    sequences: Tensor (batch, steps, features).
    initial_state: {before} before the first step{alternative}; zeros if None.
    mask: Booleans (batch, steps): steps with False are left out.
    training: If `True`, there is dropout.

Input shape:
    `(batch, steps, features)`.

Output shape:
    `(batch, units)`, with `return_sequences` `(batch, steps, units)`; with `return_state` a tuple with
    {after} after it."""
CALL_H = CALL.format(before="Tensor h (batch, units)", alternative=", or a list of it", after="`(batch, units)`")
CALL_H_C = CALL.format(before="List of h and c (batch, units)", alternative="", after="twice `(batch, units)`")


class RecurrentLayer(SharedDocstrings, KernelLayer, keras.layers.RNN):
    """Base, put before Keras' recurrent class: a compiled kernel walks over the whole sequence.

    Keras' loop over the cell serves where there is no kernel: for other activations than tanh and sigmoid, in float64,
    under XLA, and on other devices. It also does all around the walk: states, masks and types of the outputs.
    """

    shared_texts: ClassVar[Mapping[str, str]] = {
        "arguments": ARGUMENTS,
        "keras_arguments": KERAS_ARGUMENTS,
        "call_h": CALL_H,
        "call_h_c": CALL_H_C,
    }

    def walk(self, x: tf.Tensor, states: list[tf.Tensor], **options: Any) -> tuple[tf.Tensor, ...]:
        """Runs the op of this layer.

        Args:
            x: Tensor (batch, steps, features) of float32.
            states: Those before the first step.
            **options: What the ops have in common: mask, recurrent dropout, direction.

        Returns:
            The outputs of all steps, and the states after the last.
        """
        raise NotImplementedError

    def call(
        self,
        sequences: Tensor,
        initial_state: NestedTensors | None = None,
        mask: Tensor | None = None,
        training: bool = False,
    ) -> Tensor | tuple[Tensor, ...]:
        """Walks over the sequences."""
        return super().call(floating(sequences, self.compute_dtype), initial_state, mask, training)

    def inner_loop(
        self, sequences: Tensor, initial_state: NestedTensors, mask: NestedTensors | None, training: bool = False
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """The last output, all outputs, and the final states."""
        activations = self.cell.activation, getattr(self.cell, "recurrent_activation", keras.activations.sigmoid)
        known = activations == (keras.activations.tanh, keras.activations.sigmoid)
        x = tf.convert_to_tensor(sequences)
        plain = mask is None or keras.tree.flatten(mask)[0].shape == x.shape[:2]
        if not known or not plain or not ops.compiled(x, types=HALF_AND_SINGLE):
            return super().inner_loop(sequences, initial_state, mask, training=training)
        states = keras.tree.flatten(initial_state)
        dropout, recurrent_dropout = dropout_masks(self.cell, x[:, 0], states[0], training)
        x, *states = single(x if dropout is None else x * dropout[:, tf.newaxis], *states)
        (recurrent_dropout,) = single(recurrent_dropout)
        (mask,) = keras.tree.flatten(mask)
        mask = None if mask is None else tf.cast(mask, tf.bool)
        outputs, *states = self.walk(
            x, states, mask=mask, recurrent_dropout_mask=recurrent_dropout, go_backwards=self.go_backwards
        )
        if mask is None:
            return states[0], outputs, states
        if self.zero_output_for_mask:
            walked = tf.reverse(mask, [1]) if self.go_backwards else mask
            outputs = tf.where(walked[..., tf.newaxis], outputs, 0)
        return outputs[:, -1], outputs, states


class CellLayer(RecurrentLayer):
    """A recurrent layer that makes its own cell, and takes the cell's arguments beside its own.

    Args:
        cell_class: Class of the cell.
        units: Size of the states.
        **options: Arguments of `keras.layers.RNN` but the cell, and of the cell.
    """

    units = property(attrgetter("cell.units"))
    activation = property(attrgetter("cell.activation"))
    recurrent_activation = property(attrgetter("cell.recurrent_activation"))
    use_bias = property(attrgetter("cell.use_bias"))
    dropout = property(attrgetter("cell.dropout"))
    recurrent_dropout = property(attrgetter("cell.recurrent_dropout"))

    def __init__(self, cell_class: type[keras.layers.Layer], units: int, **options: Any):
        check_recurrent(units, options["dropout"], options["recurrent_dropout"])
        units, options = plain(units), {name: plain(value) for name, value in options.items()}
        own = {name: options.pop(name) for name in OF_LAYERS if name in options}
        shared = {name: own[name] for name in ("dtype", "trainable") if name in own}
        super().__init__(cell_class(units, name="cell", **options, **shared), **own)
        self.input_spec = keras.layers.InputSpec(ndim=3)

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        config = super().get_config()
        del config["cell"]
        regularizer = keras.regularizers.serialize(self.activity_regularizer)
        return {**self.cell.get_config(), **config, "activity_regularizer": regularizer}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> "CellLayer":
        """The layer with these arguments, which need no custom objects; Keras' recurrent layers take some."""
        return cls(**config)


def check_recurrent(units: int, dropout: float, recurrent_dropout: float) -> None:
    """Raises unless there are units and shares to drop; Keras takes units of 1.5 and moves shares into [0, 1]."""
    check(is_integer(units) and units > 0, "units", units, "a positive integer")
    for name, rate in (("dropout", dropout), ("recurrent_dropout", recurrent_dropout)):
        check(is_number(rate) and 0 <= rate < 1, name, rate, "a number in [0, 1)")


def checked_init(keras_class: type[Any]) -> Any:
    """The `__init__` of a recurrent class of Keras', with its signature, that checks units and shares before."""
    signature = inspect.signature(keras_class.__init__)

    @functools.wraps(keras_class.__init__)
    def checked(self: Any, *args: Any, **kwargs: Any) -> None:
        given = signature.bind(self, *plain(args), **{name: plain(value) for name, value in kwargs.items()})
        given.apply_defaults()
        check_recurrent(*(given.arguments[name] for name in ("units", "dropout", "recurrent_dropout")))
        keras_class.__init__(*given.args, **given.kwargs)

    vars(checked)["__signature__"] = signature  # by which Keras names what is given by place
    return checked


def dropout_masks(cell: keras.Layer, x: Tensor, h: Tensor, training: bool) -> tuple[Tensor | None, Tensor | None]:
    """What multiplies inputs and h at every step, None where nothing is dropped.

    Keras' cells draw a mask for each gate where there is recurrent dropout; all gates get the first here.
    """

    def first(rate: float, masks: Tensor | Sequence[Tensor] | None) -> Tensor | None:
        return keras.tree.flatten(masks)[0] if training and 0 < rate < 1 else None

    inputs, recurrent = cell.get_dropout_mask(x), cell.get_recurrent_dropout_mask(h)
    return first(cell.dropout, inputs), first(cell.recurrent_dropout, recurrent)


def dropped(cell: keras.Layer, x: Tensor, h: Tensor, training: bool) -> list[Tensor]:
    """Inputs and h of a step, with the cell's dropout."""
    masks = dropout_masks(cell, x, h, training)
    return [value if mask is None else value * mask for value, mask in zip((x, h), masks, strict=True)]


def single(*values: Tensor | Variable | None) -> Sequence[Any]:
    """Tensors and weights in float32, None as it is."""
    return [None if value is None else tf.cast(value, tf.float32) for value in values]
