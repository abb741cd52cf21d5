"""Base classes for recurrent layers with compiled kernels."""

import functools
import inspect
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any, ClassVar

import keras
import tensorflow as tf

from tensorsmith import ops
from tensorsmith.core import SharedDocstrings, Verbatim, check, is_integer, is_number, plain
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
dropout: Float in [0, 1). Fraction of the units to drop for the linear transformation of the inputs.
recurrent_dropout: Float in [0, 1). Fraction of the units to drop for the linear transformation of the state h.
seed: Random seed for dropout.
return_sequences: If `True`, return the full sequence of outputs instead of the last output.
return_state: If `True`, return the last states in addition to the output."""
KERAS_ARGUMENTS = f"""{ARGUMENTS}
go_backwards: If `True`, process the input sequence backwards and return the reversed sequence.
stateful: If `True`, the last states for each batch are used as the initial states of the following batch.
unroll: If `True`, unroll the loop of Keras over the time steps. This has no effect if the compiled kernel is used.
**kwargs: `zero_output_for_mask` and base layer keyword arguments, such as `name` and `dtype`."""
CALL = """\
Call arguments:
    sequences: Tensor of shape `(batch, steps, features)`.
    initial_state: {before} before the first step{alternative}. If `None`, zeros are used.
    mask: Boolean tensor of shape `(batch, steps)`. Steps with `False` are skipped.
    training: If `True`, apply dropout.

Input shape:
    `(batch, steps, features)`.

Output shape:
    `(batch, units)`, or `(batch, steps, units)` with `return_sequences`. With `return_state`, a tuple of the outputs
    and {after}."""
CALL_H = CALL.format(before="State h `(batch, units)`", alternative=", or a list of it", after="h `(batch, units)`")
CALL_H_C = CALL.format(before="List of h and c `(batch, units)`", alternative="", after="h and c `(batch, units)`")


class RecurrentLayer(SharedDocstrings, KernelLayer, keras.layers.RNN):
    """Base class for recurrent layers whose time steps are computed by a compiled kernel.

    It must precede the Keras class among the bases. The loop of Keras over the cell is used where the kernel is not
    available: for activations other than tanh and sigmoid, in float64, under XLA, and on other devices. Keras also
    handles the states, masks and dtypes of the outputs in both cases.
    """

    shared_texts: ClassVar[Mapping[str, str]] = {
        "arguments": ARGUMENTS,
        "keras_arguments": KERAS_ARGUMENTS,
        "call_h": CALL_H,
        "call_h_c": CALL_H_C,
    }

    def scan(self, x: tf.Tensor, states: list[tf.Tensor], **options: Any) -> tuple[tf.Tensor, ...]:
        """Runs the compiled op of this layer over a batch of sequences.

        Args:
            x: Input sequences, a float32 tensor of shape `(batch, steps, features)`.
            states: List of initial states.
            **options: Keyword arguments supported by all recurrent ops: `mask`, `recurrent_dropout_mask` and
                `go_backwards`.

        Returns:
            The outputs of all steps, followed by the final states.
        """
        raise NotImplementedError

    def call(
        self,
        sequences: Tensor,
        initial_state: NestedTensors | None = None,
        mask: Tensor | None = None,
        training: bool = False,
    ) -> Tensor | tuple[Tensor, ...]:
        """Applies the layer to a batch of sequences."""
        dense = not isinstance(sequences, tf.RaggedTensor)
        remedy = "call its method `to_tensor` and pass a mask, or 0 as padding to `Embedding(mask_zero=True)`"
        check(dense, "sequences", Verbatim("a RaggedTensor"), "a tensor of shape (batch, steps, features)", remedy)
        return super().call(floating(sequences, self.compute_dtype), initial_state, mask, training)

    def inner_loop(
        self, sequences: Tensor, initial_state: NestedTensors, mask: NestedTensors | None, training: bool = False
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Runs the layer over a batch of sequences. Returns the last output, all outputs, and the final states."""
        activations = self.cell.activation, getattr(self.cell, "recurrent_activation", keras.activations.sigmoid)
        # The kernel requires the default activations and at most one mask for all features.
        known = activations == (keras.activations.tanh, keras.activations.sigmoid)
        x = tf.convert_to_tensor(sequences)
        plain = mask is None or keras.tree.flatten(mask)[0].shape == x.shape[:2]
        if not known or not plain or not ops.compiled(x, types=HALF_AND_SINGLE):
            return super().inner_loop(sequences, initial_state, mask, training=training)
        states = keras.tree.flatten(initial_state)
        dropout, recurrent_dropout = dropout_masks(self.cell, x[:, 0], states[0], training)
        # One dropout mask is shared by all steps: (batch, 1, features).
        x, *states = single(x if dropout is None else x * dropout[:, tf.newaxis], *states)
        (recurrent_dropout,) = single(recurrent_dropout)
        (mask,) = keras.tree.flatten(mask)
        # The kernel computes in float32 and keeps the state at masked steps.
        mask = None if mask is None else tf.cast(mask, tf.bool)
        outputs, *states = self.scan(
            x, states, mask=mask, recurrent_dropout_mask=recurrent_dropout, go_backwards=self.go_backwards
        )
        # Without a mask, the last output is the final state h.
        if mask is None:
            return states[0], outputs, states
        if self.zero_output_for_mask:
            # The outputs are in processing order, so the mask is reversed with `go_backwards`: (batch, steps).
            walked = tf.reverse(mask, [1]) if self.go_backwards else mask
            outputs = tf.where(walked[..., tf.newaxis], outputs, 0)
        return outputs[:, -1], outputs, states


class CellLayer(RecurrentLayer):
    """Base class for recurrent layers that create their cell from arguments of the layer.

    Args:
        cell_class: Class of the recurrent cell.
        units: Positive integer, dimensionality of the states.
        **options: Keyword arguments of the cell and of `keras.layers.RNN`.
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
        """Returns the config of the layer."""
        config = super().get_config()
        del config["cell"]
        regularizer = keras.regularizers.serialize(self.activity_regularizer)
        return {**self.cell.get_config(), **config, "activity_regularizer": regularizer}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> "CellLayer":
        """Creates a layer from its config. `custom_objects` is accepted for compatibility with Keras but ignored."""
        return cls(**config)


def check_recurrent(units: int, dropout: float, recurrent_dropout: float) -> None:
    """Raises an error unless `units` is a positive integer and the dropout rates are in [0, 1).

    Keras accepts 1.5 units, and clips rates to [0, 1].
    """
    check(is_integer(units) and units > 0, "units", units, "a positive integer")
    for name, rate in (("dropout", dropout), ("recurrent_dropout", recurrent_dropout)):
        check(is_number(rate) and 0 <= rate < 1, name, rate, "a number in [0, 1)")


def checked_init(keras_class: type[Any]) -> Any:
    """Returns an `__init__` for a Keras recurrent class that also validates `units` and the dropout rates."""
    signature = inspect.signature(keras_class.__init__)

    @functools.wraps(keras_class.__init__)
    def checked(self: Any, *args: Any, **kwargs: Any) -> None:
        given = signature.bind(self, *plain(args), **{name: plain(value) for name, value in kwargs.items()})
        given.apply_defaults()
        check_recurrent(*(given.arguments[name] for name in ("units", "dropout", "recurrent_dropout")))
        keras_class.__init__(*given.args, **given.kwargs)

    vars(checked)["__signature__"] = signature  # Keras uses it to name positional arguments in the config
    return checked


def dropout_masks(cell: keras.Layer, x: Tensor, h: Tensor, training: bool) -> tuple[Tensor | None, Tensor | None]:
    """Returns the dropout masks for the inputs and the state h, or `None` where dropout is not applied.

    With recurrent dropout, Keras cells draw one mask for each gate. Here all gates use the first mask.
    """

    def first(rate: float, masks: Tensor | Sequence[Tensor] | None) -> Tensor | None:
        return keras.tree.flatten(masks)[0] if training and 0 < rate < 1 else None

    inputs, recurrent = cell.get_dropout_mask(x), cell.get_recurrent_dropout_mask(h)
    return first(cell.dropout, inputs), first(cell.recurrent_dropout, recurrent)


def dropped(cell: keras.Layer, x: Tensor, h: Tensor, training: bool) -> list[Tensor]:
    """Returns the inputs and the state h of a time step after dropout."""
    masks = dropout_masks(cell, x, h, training)
    return [value if mask is None else value * mask for value, mask in zip((x, h), masks, strict=True)]


def single(*values: Tensor | Variable | None) -> Sequence[Any]:
    """Casts tensors and weights to float32. `None` is returned unchanged."""
    return [None if value is None else tf.cast(value, tf.float32) for value in values]
