"""An output layer for very many classes."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from tensorsmith.core import check, export, is_integer, plain
from tensorsmith.core.types import Initializer, Regularizer, Shape, Tensor
from tensorsmith.layers._support.floating import floating


@export
class SampledSoftmax(keras.layers.Layer):
    """An output layer for very many classes: it trains by some of them drawn at random, and predicts all.

    To train, call it with `targets`: it adds the loss to the model's losses, and the model is compiled without
    another. In training this is the sampled loss, in evaluation the plain cross-entropy: one is not to be compared with
    the other. To predict, call it without.

    Formula, with z = kernel inputs + bias, the right class y, and `num_sampled` other classes S, drawn once for each
    batch, where the class k had the chance q[k] to be drawn:

        loss = log(sum over k in S and y of exp(z[k] - log q[k])) - (z[y] - log q[y])

    This is `tf.nn.sampled_softmax_loss` with accidental hits removed, but for the numbers q: those of TensorFlow are
    estimates, these are exact given the draw (each class waits for an exponential time, and the first ones are taken).
    With all classes drawn it is the plain cross-entropy.

    A compiled training step computes scores of the right and the drawn classes only, as long as nothing else asks for
    the outputs, and the kernel's gradient has their rows only.

    Source: Jean et al., "On Using Very Large Target Vocabulary for Neural Machine Translation", 2015.

    Args:
        num_classes: Number of classes.
        num_sampled: How many of them are drawn for each batch.
        distribution: "log_uniform", for classes in the order of how frequent they are, as words in a vocabulary, the
            most frequent first; or "uniform".
        kernel_initializer: Initializer of the kernel.
        bias_initializer: Initializer of the bias.
        kernel_regularizer: Regularizer of the kernel; one makes its gradient full.
        seed: Integer that fixes the draws; None takes one from Keras' global seed.
        **kwargs: `name`, `dtype`, `trainable`, as for every Keras layer.

    Call arguments:
        inputs: Tensor of floating type. Losses are in float32 for half types.
        targets: Integers in [0, num_classes), to train with; those of masked steps do not matter. Others raise
            InvalidArgumentError, but under XLA, where the loss becomes NaN.
        training: Whether the loss is the sampled one.
        mask: Booleans of the shape of the targets: False leaves a step out of the loss.
        inputs_mask: The mask where Keras passes on that of the inputs and there are targets, too.

    Input shape:
        `(batch, ..., features)`; that of the targets is `(batch, ...)`.

    Output shape:
        The scores z `(batch, ..., num_classes)`, of which a softmax makes probabilities.

    Raises:
        ValueError: `num_classes` is no positive integer, `num_sampled` none up to it, or `distribution` is unknown;
            the number of features is unknown, or targets have another shape than the inputs without features.

    Example:
        >>> import keras, numpy as np
        >>> words, following = keras.Input((None,), dtype="int32"), keras.Input((None,), dtype="int32")
        >>> states = keras.layers.GRU(8, return_sequences=True)(keras.layers.Embedding(1000, 8)(words))
        >>> output = SampledSoftmax(1000, num_sampled=20)
        >>> trained = keras.Model([words, following], output(states, targets=following))
        >>> trained.compile("adam")
        >>> text = np.array([[7, 3, 9, 4], [5, 2, 8, 1]])
        >>> history = trained.fit([text[:, :-1], text[:, 1:]], verbose=0)
        >>> keras.Model(words, output(states)).predict(text, verbose=0).shape
        (2, 4, 1000)
    """

    def __init__(
        self,
        num_classes: int,
        num_sampled: int,
        distribution: str = "log_uniform",
        kernel_initializer: Initializer = "glorot_uniform",
        bias_initializer: Initializer = "zeros",
        kernel_regularizer: Regularizer | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        check(is_integer(num_classes) and num_classes > 0, "num_classes", num_classes, "a positive integer")
        fits = is_integer(num_sampled) and 0 < num_sampled <= num_classes
        check(fits, "num_sampled", num_sampled, f"a positive integer up to the number of classes, {num_classes}")
        known = distribution in ("log_uniform", "uniform")
        check(known, "distribution", distribution, "'log_uniform' or 'uniform'")
        check(seed is None or is_integer(seed), "seed", seed, "an integer or None")
        num_classes, num_sampled, seed = plain((num_classes, num_sampled, seed))
        super().__init__(**kwargs)
        self.supports_masking = True
        self.input_spec = keras.layers.InputSpec(min_ndim=2)
        self.num_classes = num_classes
        self.num_sampled = num_sampled
        self.distribution = distribution
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape: Shape) -> None:
        """Makes the weights: a row of the kernel for each class."""
        features = input_shape[-1]
        check(features is not None, "inputs", tuple(input_shape), "a known number of features")
        self.kernel = self.add_weight(
            shape=(self.num_classes, features),
            name="kernel",
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            autocast=False,
        )
        self.bias = self.add_weight(
            shape=(self.num_classes,), name="bias", initializer=self.bias_initializer, autocast=False
        )

    def call(
        self,
        inputs: Tensor,
        targets: Tensor | None = None,
        training: bool | None = None,
        mask: Tensor | None = None,
        inputs_mask: Tensor | None = None,
    ) -> Tensor:
        """Scores all classes, and adds the loss of targets that are given."""
        inputs = floating(inputs, self.compute_dtype)
        scores = ops.matmul(inputs, ops.transpose(ops.cast(self.kernel, inputs.dtype)))
        scores += ops.cast(self.bias, inputs.dtype)
        if targets is not None:
            fits = targets.shape.is_compatible_with(inputs.shape[:-1])
            expected = f"the shape of the inputs without features, {tuple(inputs.shape[:-1])}"
            check(fits, "targets", tuple(targets.shape), expected)
            mask = inputs_mask if mask is None else mask
            targets = ops.cast(targets, "int64")
            targets = targets if mask is None else ops.where(mask, targets, 0)
            known = ops.logical_and(targets >= 0, targets < self.num_classes)
            message = f"targets: expected class numbers from 0 to {self.num_classes - 1}, received others among"
            # A control dependency, since keras.ops has no assertion that graphs keep.
            with tf.control_dependencies([tf.debugging.Assert(ops.all(known), [message, targets])]):
                targets = tf.identity(targets)
            loss = (self._sampled if training else self._full)(inputs, scores, targets)
            loss = ops.where(known, loss, float("nan"))
            counts = ops.ones_like(loss) if mask is None else ops.cast(mask, loss.dtype)
            self.add_loss(ops.sum(loss * counts) / ops.maximum(ops.sum(counts), 1))
        return scores

    def sample(self) -> tuple[Any, Any]:
        """Draws classes.

        Returns:
            Those drawn, `(num_sampled,)`, and for each class the logarithm of its chance to be among them, given when
            the last of the others would have come: `(num_classes,)`.
        """
        dtype = keras.backend.result_type(self.variable_dtype, "float32")  # half types lack most class numbers
        classes = ops.arange(self.num_classes, dtype=dtype)
        rates = ops.ones_like(classes) if self.distribution == "uniform" else ops.log1p(1 / (classes + 1))
        uniform = keras.random.uniform((self.num_classes,), dtype=dtype, seed=self.seed_generator)
        times = -ops.log1p(-uniform) / rates
        if self.num_sampled == self.num_classes:
            return ops.arange(self.num_classes), ops.zeros_like(times)
        earliest, drawn = ops.top_k(-times, self.num_sampled + 1)
        return drawn[:-1], ops.log(-ops.expm1(rates * earliest[-1]))

    def _sampled(self, inputs: Tensor, scores: Tensor, targets: Tensor) -> Tensor:
        """The loss of each step among classes that are drawn."""
        drawn, chances = self.sample()
        wide = ops.cast(inputs, chances.dtype)
        targets = ops.cast(targets, drawn.dtype)

        def rows(weight: Tensor, classes: Tensor) -> Tensor:
            """Of each weight by itself, so that gradients have these rows only."""
            return ops.cast(ops.take(weight, classes, axis=0), chances.dtype)

        right = ops.sum(wide * rows(self.kernel, targets), axis=-1)
        right += rows(self.bias, targets) - rows(chances, targets)
        others = ops.matmul(wide, ops.transpose(rows(self.kernel, drawn)))
        others += rows(self.bias, drawn) - rows(chances, drawn)
        hits = ops.equal(ops.expand_dims(targets, -1), drawn)
        others = ops.where(hits, -float("inf"), others)
        return ops.logsumexp(ops.concatenate([ops.expand_dims(right, -1), others], axis=-1), axis=-1) - right

    def _full(self, inputs: Tensor, scores: Tensor, targets: Tensor) -> Tensor:
        """The cross-entropy of each step."""
        wide = ops.cast(scores, keras.backend.result_type(scores.dtype, "float32"))
        return keras.losses.sparse_categorical_crossentropy(targets, wide, from_logits=True)

    def compute_mask(self, inputs: Tensor, previous_mask: Tensor | None) -> Tensor | None:
        """That of the inputs."""
        return previous_mask

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """That of the inputs, with `num_classes` features."""
        return (*input_shape[:-1], self.num_classes)

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        own = {
            "num_classes": self.num_classes,
            "num_sampled": self.num_sampled,
            "distribution": self.distribution,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "seed": self.seed,
        }
        return {**super().get_config(), **own}
