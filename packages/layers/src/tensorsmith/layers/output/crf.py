"""Conditional random field layer for sequence tagging, with compiled kernels."""

from typing import Any

import keras
import tensorflow as tf

from tensorsmith import ops
from tensorsmith.core import check, export, is_integer, plain
from tensorsmith.core.types import Activation, Constraint, Initializer, Regularizer, Shape, Tensor
from tensorsmith.layers._support.fresh import fresh
from tensorsmith.layers._support.kernel_layer import KernelLayer

PADDING = "have shape (batch, steps), with True up to the end of each sequence and False after it"
REMEDY = "Pad sequences at the end."


@export
class CRF(KernelLayer, keras.layers.Layer):
    """Linear-chain conditional random field layer for sequence tagging, compatible with TensorFlow Addons.

    A dense layer computes the scores of the tags at each step. A matrix A contains the transition scores between
    adjacent tags, and boundary vectors contain additional scores for the first and the last tag. The layer maximizes
    the likelihood of the given tag sequences and decodes the most likely sequence. Formula, for n steps:

        u = activation(inputs kernel + bias);  u[1] += left_boundary;  u[n] += right_boundary
        score(y) = sum_t u[t, y[t]] + sum_t A[y[t - 1], y[t]]
        log p(y) = score(y) - log sum over all y' of exp(score(y'))

    For training, call the layer with `tags`: the mean of -log p(tags) is added to the losses of the model, which is
    compiled without another loss. For prediction, call it without `tags`. The layer computes in float32 with
    half-precision dtype policies.

    Source: Lafferty et al., "Conditional Random Fields", 2001; Huang et al., "Bidirectional LSTM-CRF Models for
    Sequence Tagging", 2015 (as the last layer of a network).

    Args:
        units: Positive integer, the number of tags.
        chain_initializer: Initializer for the transition matrix A, which is the weight `chain_kernel`.
        use_boundary: If `True`, use learned scores for the first and the last tag of each sequence.
        boundary_initializer: Initializer for the boundary scores.
        use_kernel: If `True`, apply a dense layer to the inputs. Otherwise, the inputs are used as tag scores.
        chain_regularizer: Regularizer for the transition matrix A.
        chain_constraint: Constraint for the transition matrix A.
        boundary_regularizer: Regularizer for the boundary scores.
        boundary_constraint: Constraint for the boundary scores.
        kernel_initializer: Initializer for the kernel of the dense layer.
        kernel_regularizer: Regularizer for the kernel of the dense layer.
        kernel_constraint: Constraint for the kernel of the dense layer.
        use_bias: If `True`, the dense layer uses a bias vector.
        bias_initializer: Initializer for the bias vector.
        bias_regularizer: Regularizer for the bias vector.
        bias_constraint: Constraint for the bias vector.
        activation: Activation function of the dense layer.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: Tensor of shape `(batch, steps, features)`.
        mask: Boolean tensor of shape `(batch, steps)`, `True` up to the end of each sequence.
        tags: Integer tensor of shape `(batch, steps)` with the true tags in [0, units). Tags after the end of a
            sequence are ignored.
        inputs_mask: The mask that Keras passes for the inputs when `tags` are given, too.

    Input shape:
        `(batch, steps, features)`.

    Output shape:
        Four tensors, as in TensorFlow Addons: the decoded tags `(batch, steps)`, with 0 after the end of a sequence;
        the scores u `(batch, steps, units)`; the sequence lengths `(batch,)`; and A `(units, units)`.

    Raises:
        ValueError: If `units` is not a positive integer, the last axis of the inputs is not `units` with
            `use_kernel=False`, or a mask is not right-padded.
        tf.errors.InvalidArgumentError: If a mask is not right-padded, in graph execution.

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
        """Creates the weights of the layer."""
        if self.use_kernel:
            self.dense.build(input_shape)
        else:
            shape = f"have shape (batch, steps, {self.units}) when use_kernel=False"
            check(
                input_shape[-1] == self.units,
                "inputs",
                tuple(input_shape),
                shape,
                "pass `use_kernel=True` for inputs with another number of features",
            )
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
        """Decodes the tag sequences, and adds the loss if `tags` are given."""
        lengths = _lengths(inputs, inputs_mask if mask is None else mask)
        potentials = self.dense(inputs) if self.use_kernel else tf.cast(inputs, self.compute_dtype)
        if self.use_boundary:
            # Boundary scores are added at the first step and at the last step of each sequence.
            steps = tf.shape(potentials)[1]
            for position, boundary in (
                (tf.zeros_like(lengths), self.left_boundary),
                (lengths - 1, self.right_boundary),
            ):
                # Mask of one step of each sequence: (batch, steps, 1).
                here = tf.one_hot(position, steps, on_value=True, off_value=False)[..., tf.newaxis]
                potentials += tf.where(here, boundary, 0)
        transitions = tf.convert_to_tensor(self.chain_kernel)
        if tags is not None:
            # log p(tags) of each sequence: (batch,).
            likelihood = ops.crf_log_likelihood(potentials, tags, transitions, lengths=lengths)
            count = tf.maximum(tf.size(likelihood), 1)  # the loss of an empty batch is 0
            self.add_loss(-tf.reduce_sum(likelihood) / tf.cast(count, likelihood.dtype))
        decoded, _ = ops.crf_decode(potentials, transitions, lengths=lengths)
        return decoded, potentials, lengths, transitions

    def compute_mask(self, inputs: Tensor, previous_mask: Tensor | None) -> tuple[Tensor | None, ...]:
        """Returns the mask of the inputs for both outputs, the tags and the scores."""
        return previous_mask, previous_mask, None, None

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
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
    """Returns the sequence lengths, given the inputs and an optional mask that is `False` for padded steps.

    Raises an error unless the mask is `True` from the first step up to the end of each sequence.
    """
    batch, steps = tf.unstack(tf.shape(inputs)[:2])
    if mask is None:
        return tf.fill([batch], tf.cast(steps, tf.int64))
    mask = tf.cast(mask, tf.bool)
    check(mask.shape.rank == 2, "mask", tuple(mask.shape), PADDING)
    lengths = tf.math.count_nonzero(mask, axis=1)
    # The count of visible steps is the length only if the mask has no gaps.
    wrong = tf.reduce_any(mask != tf.sequence_mask(lengths, steps), axis=1)
    if tf.executing_eagerly():
        rows = tf.where(wrong)[:1, 0].numpy()
        check(rows.size == 0, "mask", [mask[row].numpy().tolist() for row in rows], PADDING, REMEDY)
        return lengths
    message = f"mask must {PADDING}, got a mask with gaps or leading padding. {REMEDY}"
    with tf.control_dependencies([tf.debugging.Assert(~tf.reduce_any(wrong), [message])]):
        return tf.identity(lengths)
