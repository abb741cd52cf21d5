"""A conditional random field on compiled kernels."""

from typing import Any

import keras
import tensorflow as tf

from tensorsmith import ops
from tensorsmith.core import check, export, is_integer, plain
from tensorsmith.core.types import Activation, Constraint, Initializer, Regularizer, Shape, Tensor
from tensorsmith.layers._support.fresh import fresh
from tensorsmith.layers._support.kernel_layer import KernelLayer

PADDING = "a mask of shape (batch, steps) that is True up to each sequence's end and False after it"
REMEDY = "pad sequences at their end"


@export
class CRF(KernelLayer, keras.layers.Layer):
    """TensorFlow Addons' linear-chain conditional random field for Keras 3: it tags sequences as a whole.

    A dense layer scores the tags at each step, a matrix A scores one tag after another, and a vector each scores the
    first and the last. It learns how likely a sequence is among all sequences of tags, and predicts the likeliest.
    Formula, for n steps:

        u = activation(inputs kernel + bias);  u[1] += left_boundary;  u[n] += right_boundary
        score(y) = sum_t u[t, y[t]] + sum_t A[y[t - 1], y[t]]
        log p(y) = score(y) - log sum over all y' of exp(score(y'))

    To train, call it with `tags`: it adds the mean of -log p(tags) to the model's losses, and the model is compiled
    without another. To predict, call it without. It computes in float32 under policies of half precision.

    Source: Lafferty et al., "Conditional Random Fields", 2001; Huang et al., "Bidirectional LSTM-CRF Models for
    Sequence Tagging", 2015 (as the last layer of a network).

    Args:
        units: Number of tags.
        chain_initializer: Initializer of A, `chain_kernel`.
        use_boundary: Whether first and last tags have scores of their own.
        boundary_initializer: Initializer of these.
        use_kernel: Whether there is a dense layer; without, the inputs are the scores of the tags.
        chain_regularizer: Regularizer of A.
        chain_constraint: Constraint of A.
        boundary_regularizer: Regularizer of the boundaries.
        boundary_constraint: Constraint of the boundaries.
        kernel_initializer: Initializer of the dense layer's kernel.
        kernel_regularizer: Regularizer of the kernel.
        kernel_constraint: Constraint of the kernel.
        use_bias: Whether the dense layer has a bias.
        bias_initializer: Initializer of the bias.
        bias_regularizer: Regularizer of the bias.
        bias_constraint: Constraint of the bias.
        activation: Activation of the dense layer.
        **kwargs: `name`, `dtype`, `trainable`, as for every Keras layer.

    Call arguments:
        inputs: Tensor (batch, steps, features).
        mask: Booleans (batch, steps), True up to each sequence's end.
        tags: Integers (batch, steps) in [0, units), to train with; those after the end do not matter.
        inputs_mask: The mask where Keras passes on that of the inputs and there are tags, too.

    Input shape:
        `(batch, steps, features)`.

    Output shape:
        Four tensors, as in TensorFlow Addons: the best tags `(batch, steps)`, 0 after the end; the scores u
        `(batch, steps, units)`; the lengths `(batch,)`; and A `(units, units)`.

    Raises:
        ValueError: `units` is no positive integer, there is no kernel and the inputs are not `units` wide, or a mask
            has gaps or begins with False.
        tf.errors.InvalidArgumentError: A mask has gaps or begins with False, in graphs.

    Example:
        >>> import keras, numpy as np
        >>> words, tags = keras.Input((None,), dtype="int32"), keras.Input((None,), dtype="int32")
        >>> features = keras.layers.Embedding(50, 8, mask_zero=True)(words)
        >>> crf = CRF(5)
        >>> trained = keras.Model([words, tags], crf(features, tags=tags))
        >>> trained.compile("adam")
        >>> x, y = np.array([[7, 3, 9], [4, 2, 0]]), np.array([[1, 0, 4], [1, 2, 0]])
        >>> history = trained.fit([x, y], verbose=0)
        >>> tagger = keras.Model(words, crf(features)[0])
        >>> tagger.predict(x, verbose=0).shape
        (2, 3)
    """

    def __init__(
        self,
        units: int,
        chain_initializer: Initializer = "orthogonal",
        use_boundary: bool = True,
        boundary_initializer: Initializer = "zeros",
        use_kernel: bool = True,
        chain_regularizer: Regularizer | None = None,
        chain_constraint: Constraint | None = None,
        boundary_regularizer: Regularizer | None = None,
        boundary_constraint: Constraint | None = None,
        kernel_initializer: Initializer = "glorot_uniform",
        kernel_regularizer: Regularizer | None = None,
        kernel_constraint: Constraint | None = None,
        use_bias: bool = True,
        bias_initializer: Initializer = "zeros",
        bias_regularizer: Regularizer | None = None,
        bias_constraint: Constraint | None = None,
        activation: Activation = "linear",
        **kwargs: Any,
    ):
        check(is_integer(units) and units > 0, "units", units, "a positive integer")
        units = plain(units)
        super().__init__(**kwargs)
        self.dtype_policy = keras.backend.result_type(self.compute_dtype, "float32")
        self.supports_masking = True
        self.input_spec = keras.layers.InputSpec(ndim=3)
        self.units = units
        self.chain_initializer = keras.initializers.get(chain_initializer)
        self.chain_regularizer = keras.regularizers.get(chain_regularizer)
        self.chain_constraint = keras.constraints.get(chain_constraint)
        self.use_boundary = use_boundary
        self.boundary_initializer = keras.initializers.get(boundary_initializer)
        self.boundary_regularizer = keras.regularizers.get(boundary_regularizer)
        self.boundary_constraint = keras.constraints.get(boundary_constraint)
        self.use_kernel = use_kernel
        self.dense = keras.layers.Dense(
            units,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            dtype=self.dtype_policy,
        )

    def build(self, input_shape: Shape) -> None:
        """Makes the weights."""
        if self.use_kernel:
            self.dense.build(input_shape)
        else:
            shape = f"shape (batch, steps, {self.units}) without a kernel"
            check(input_shape[-1] == self.units, "inputs", tuple(input_shape), shape, "keep use_kernel=True")
        self.chain_kernel = self.add_weight(
            shape=(self.units, self.units),
            name="chain_kernel",
            initializer=self.chain_initializer,
            regularizer=self.chain_regularizer,
            constraint=self.chain_constraint,
        )
        if self.use_boundary:
            self.left_boundary, self.right_boundary = (
                self.add_weight(
                    shape=(self.units,),
                    name=name,
                    initializer=fresh(self.boundary_initializer),
                    regularizer=self.boundary_regularizer,
                    constraint=self.boundary_constraint,
                )
                for name in ("left_boundary", "right_boundary")
            )

    def call(
        self, inputs: Tensor, mask: Tensor | None = None, tags: Tensor | None = None, inputs_mask: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        """Finds the best tags, and adds the loss of those that are given."""
        lengths = _lengths(inputs, inputs_mask if mask is None else mask)
        potentials = self.dense(inputs) if self.use_kernel else tf.cast(inputs, self.compute_dtype)
        if self.use_boundary:
            steps = tf.shape(potentials)[1]
            for place, boundary in ((tf.zeros_like(lengths), self.left_boundary), (lengths - 1, self.right_boundary)):
                here = tf.one_hot(place, steps, on_value=True, off_value=False)[..., tf.newaxis]
                potentials += tf.where(here, boundary, 0)
        transitions = tf.convert_to_tensor(self.chain_kernel)
        if tags is not None:
            likelihood = ops.crf_log_likelihood(potentials, tags, transitions, lengths=lengths)
            count = tf.maximum(tf.size(likelihood), 1)  # an empty batch costs nothing
            self.add_loss(-tf.reduce_sum(likelihood) / tf.cast(count, likelihood.dtype))
        decoded, _ = ops.crf_decode(potentials, transitions, lengths=lengths)
        return decoded, potentials, lengths, transitions

    def compute_mask(self, inputs: Tensor, previous_mask: Tensor | None) -> tuple[Tensor | None, ...]:
        """Tags and scores have the mask of the inputs."""
        return previous_mask, previous_mask, None, None

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        initializer = keras.initializers.serialize
        regularizer = keras.regularizers.serialize
        constraint = keras.constraints.serialize
        dense = self.dense.get_config()
        own = {
            "units": self.units,
            "chain_initializer": initializer(self.chain_initializer),
            "chain_regularizer": regularizer(self.chain_regularizer),
            "chain_constraint": constraint(self.chain_constraint),
            "use_boundary": self.use_boundary,
            "boundary_initializer": initializer(self.boundary_initializer),
            "boundary_regularizer": regularizer(self.boundary_regularizer),
            "boundary_constraint": constraint(self.boundary_constraint),
            "use_kernel": self.use_kernel,
        }
        passed_on = {name: dense[name] for name in ("use_bias", "activation")} | {
            f"{weight}_{kind}": dense[f"{weight}_{kind}"]
            for weight in ("kernel", "bias")
            for kind in ("initializer", "regularizer", "constraint")
        }
        return {**super().get_config(), **own, **passed_on}


def _lengths(inputs: Tensor, mask: Tensor | None) -> tf.Tensor:
    """The lengths of sequences; the mask must show that each begins at once and ends once."""
    batch, steps = tf.unstack(tf.shape(inputs)[:2])
    if mask is None:
        return tf.fill([batch], tf.cast(steps, tf.int64))
    mask = tf.cast(mask, tf.bool)
    check(mask.shape.rank == 2, "mask", tuple(mask.shape), PADDING)
    lengths = tf.math.count_nonzero(mask, axis=1)
    wrong = tf.reduce_any(mask != tf.sequence_mask(lengths, steps), axis=1)
    if tf.executing_eagerly():
        rows = tf.where(wrong)[:1, 0].numpy()
        check(rows.size == 0, "mask", [mask[row].numpy().tolist() for row in rows], PADDING, REMEDY)
        return lengths
    message = f"`mask`: received one with gaps or padding before its sequences, expected {PADDING}. Remedy: {REMEDY}."
    with tf.control_dependencies([tf.debugging.Assert(~tf.reduce_any(wrong), [message])]):
        return tf.identity(lengths)
