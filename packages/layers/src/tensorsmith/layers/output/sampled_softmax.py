"""Output layer for a large number of classes, trained on a random sample of the classes."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from tensorsmith.core import check, export, is_integer, plain
from tensorsmith.core.types import Initializer, Regularizer, Shape, Tensor
from tensorsmith.layers._support.floating import floating


@export
class SampledSoftmax(keras.layers.Layer):
    """Output layer for a large number of classes, trained with sampled softmax.

    For training, call the layer with `targets`: the loss is added to the losses of the model, which is compiled without
    another loss. With `training=True` it is the sampled loss, otherwise the full cross-entropy. The two are not
    comparable. For prediction, call it without `targets`.

    Formula, with z = kernel inputs + bias, the target class y, and `num_sampled` other classes S, drawn once for each
    batch, where q[k] is the inclusion probability of the class k:

        loss = log(sum over k in S and y of exp(z[k] - log q[k])) - (z[y] - log q[y])

    This is `tf.nn.sampled_softmax_loss` with accidental hits removed, except for the probabilities q: TensorFlow uses
    estimates. Here they are exact given the draw, in which each class has an exponentially distributed arrival time and
    the first ones are selected. If all classes are drawn, the loss is the full cross-entropy.

    A compiled training step computes the scores of the target and sampled classes only, unless the outputs are used
    elsewhere. The gradient of the kernel is sparse, with the rows of these classes.

    Source: Jean et al., "On Using Very Large Target Vocabulary for Neural Machine Translation", 2015.

    Args:
        num_classes: Positive integer, the number of classes.
        num_sampled: Integer, the number of classes to sample for each batch.
        distribution: Sampling distribution: `"log_uniform"`, for classes sorted by decreasing frequency, such as the
            words of a vocabulary, or `"uniform"`.
        kernel_initializer: Initializer for the kernel matrix.
        bias_initializer: Initializer for the bias vector.
        kernel_regularizer: Regularizer for the kernel. With a regularizer, the gradient of the kernel is dense.
        seed: Integer to seed the random generator. If `None`, the seed is derived from the global Keras seed.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: Floating-point tensor. Losses are computed in float32 for half-precision inputs.
        targets: Integer tensor of target classes in [0, num_classes). The values of masked steps are ignored. Other
            values raise an `InvalidArgumentError`, or result in a loss of NaN under XLA.
        training: If `True`, use the sampled loss. Otherwise, use the full cross-entropy.
        mask: Boolean tensor of the shape of the targets. Steps with `False` do not contribute to the loss.
        inputs_mask: The mask that Keras passes for the inputs when `targets` are given, too.

    Input shape:
        `(batch, ..., features)`. The targets have the shape `(batch, ...)`.

    Output shape:
        The logits z, `(batch, ..., num_classes)`. Apply a softmax to obtain probabilities.

    Raises:
        ValueError: If `num_classes` is not a positive integer, `num_sampled` is not a positive integer up to
            `num_classes`, `distribution` is unknown, the number of features is unknown, or the shape of the targets is
            not that of the inputs without the features.

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
        check(fits, "num_sampled", num_sampled, f"an integer from 1 to the number of classes ({num_classes})")
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
        """Creates the weights. The kernel has one row for each class."""
        features = input_shape[-1]
        check(features is not None, "inputs", tuple(input_shape), "have a known number of features")
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
        """Computes the logits of all classes, and adds the loss if `targets` are given."""
        inputs = floating(inputs, self.compute_dtype)
        scores = ops.matmul(inputs, ops.transpose(ops.cast(self.kernel, inputs.dtype)))
        scores += ops.cast(self.bias, inputs.dtype)
        if targets is not None:
            fits = targets.shape.is_compatible_with(inputs.shape[:-1])
            expected = f"have shape {tuple(inputs.shape[:-1])} to match the inputs without the feature axis"
            check(fits, "targets", tuple(targets.shape), expected)
            mask = inputs_mask if mask is None else mask
            targets = ops.cast(targets, "int64")
            # Masked steps may have any target. Class 0 is valid.
            targets = targets if mask is None else ops.where(mask, targets, 0)
            known = ops.logical_and(targets >= 0, targets < self.num_classes)
            message = f"targets must contain class indices from 0 to {self.num_classes - 1}, got other values among"
            # A control dependency, because `keras.ops` has no assertion that is kept in graphs.
            with tf.control_dependencies([tf.debugging.Assert(ops.all(known), [message, targets])]):
                targets = tf.identity(targets)
            loss = (self._sampled if training else self._full)(inputs, scores, targets)
            loss = ops.where(known, loss, float("nan"))
            counts = ops.ones_like(loss) if mask is None else ops.cast(mask, loss.dtype)
            self.add_loss(ops.sum(loss * counts) / ops.maximum(ops.sum(counts), 1))
        return scores

    def sample(self) -> tuple[Any, Any]:
        """Samples the classes that the loss compares with the target classes.

        Returns:
            The drawn classes, of shape `(num_sampled,)`, and the log probability of each class to be among them, given
            the arrival time of the first class that was not drawn, of shape `(num_classes,)`.
        """
        dtype = keras.backend.result_type(self.variable_dtype, "float32")  # half precision lacks most class indices
        classes = ops.arange(self.num_classes, dtype=dtype)
        # Log-uniform: the probability of class k is proportional to log((k + 2) / (k + 1)).
        rates = ops.ones_like(classes) if self.distribution == "uniform" else ops.log1p(1 / (classes + 1))
        # Exponential arrival times: the first `num_sampled` arrivals are a sample without replacement.
        uniform = keras.random.uniform((self.num_classes,), dtype=dtype, seed=self.seed_generator)
        times = -ops.log1p(-uniform) / rates
        # All classes are included with probability 1, whose logarithm is 0.
        if self.num_sampled == self.num_classes:
            return ops.arange(self.num_classes), ops.zeros_like(times)
        # The first arrival that is not selected ends the draw and determines the inclusion probabilities.
        earliest, drawn = ops.top_k(-times, self.num_sampled + 1)
        # log q[k] = log(1 - exp(-rate[k] time)). `earliest` contains negative times.
        return drawn[:-1], ops.log(-ops.expm1(rates * earliest[-1]))

    def _sampled(self, inputs: Tensor, scores: Tensor, targets: Tensor) -> Tensor:
        """Returns the sampled softmax loss of each step."""
        drawn, chances = self.sample()
        wide = ops.cast(inputs, chances.dtype)
        targets = ops.cast(targets, drawn.dtype)

        def rows(weight: Tensor, classes: Tensor) -> Tensor:
            """Looks up rows of a weight by class index. Separate lookups keep the gradient of each weight sparse."""
            return ops.cast(ops.take(weight, classes, axis=0), chances.dtype)

        # Score of the target, corrected by its inclusion probability: z[y] - log q[y].
        right = ops.sum(wide * rows(self.kernel, targets), axis=-1)
        right += rows(self.bias, targets) - rows(chances, targets)
        # Corrected scores of the sampled classes: (..., num_sampled).
        others = ops.matmul(wide, ops.transpose(rows(self.kernel, drawn)))
        others += rows(self.bias, drawn) - rows(chances, drawn)
        # Sampled classes that are the target are removed ("accidental hits").
        hits = ops.equal(ops.expand_dims(targets, -1), drawn)
        others = ops.where(hits, -float("inf"), others)
        return ops.logsumexp(ops.concatenate([ops.expand_dims(right, -1), others], axis=-1), axis=-1) - right

    def _full(self, inputs: Tensor, scores: Tensor, targets: Tensor) -> Tensor:
        """Returns the cross-entropy of each step over all classes."""
        wide = ops.cast(scores, keras.backend.result_type(scores.dtype, "float32"))
        return keras.losses.sparse_categorical_crossentropy(targets, wide, from_logits=True)

    def compute_mask(self, inputs: Tensor, previous_mask: Tensor | None) -> Tensor | None:
        """Returns the mask of the inputs."""
        return previous_mask

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the output shape: the input shape with `num_classes` features."""
        return (*input_shape[:-1], self.num_classes)

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer."""
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
