"""Op that fuses an output projection with the softmax cross-entropy over a vocabulary."""

import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import TensorLike
from tensorsmith.ops._support.gradients import vjp
from tensorsmith.ops.arguments import as_int32
from tensorsmith.ops.dispatch import compiled
from tensorsmith.ops.library import library


def softmax_cross_entropy_with_projection(
    features: TensorLike,
    kernel: TensorLike,
    labels: TensorLike,
    *,
    bias: TensorLike | None = None,
    weights: TensorLike | None = None,
    label_smoothing: float = 0.0,
    ignored_index: int | None = None,
    reduction: str = "mean",
    gradients: bool = True,
) -> tf.Tensor:
    """Computes the cross-entropy of labels and softmax(features @ kernel + bias) without storing all logits.

    Formula, with the logits z of a token, V words and the label smoothing s:

        loss = log(sum(exp(z))) - (1 - s) z[label] - s / V * sum(z)

    The logits are computed for a block of tokens at a time and immediately turned into the gradients of features,
    kernel and bias. These are stored for the backward pass, which only scales them. For this reason the op returns the
    weighted sum or mean of the losses, and not one loss per token.

    Source: Szegedy et al., "Rethinking the Inception Architecture", 2016 (label smoothing); Wijmans et al., "Cut Your
    Losses in Large-Vocabulary Language Models", 2024 (fusion).

    Args:
        features: Input features, a floating-point tensor of shape `(..., width)`. For half-precision inputs, the
            computation uses float32.
        kernel: Projection kernel, a tensor of shape `(width, num_words)`.
        labels: Indices of the target words, an integer tensor of shape `(...)` with values in `[0, num_words)`.
        bias: Bias, a tensor of shape `(num_words,)`. If `None`, zeros are used.
        weights: Token weights, a tensor of shape `(...)`. If `None`, all weights are 1. Weights do not receive a
            gradient.
        label_smoothing: Fraction of the target probability that is distributed uniformly over all words, in `[0, 1)`.
        ignored_index: Integer label of tokens that do not contribute to the loss. The label may be outside of `[0,
            num_words)`.
        reduction: Type of reduction: `"mean"` or `"sum"`. `"mean"` divides by the sum of the weights and returns 0 if
            all weights are 0.
        gradients: If `False`, the loss is not differentiable, and its computation requires only about a third of the
            operations.

    Returns:
        A scalar of dtype float64 for float64 features, else of dtype float32.

    Raises:
        ValueError: If shapes, dtypes or options are invalid.
        tf.errors.InvalidArgumentError: If the label of a token with nonzero weight is not in the vocabulary.

    Example:
        >>> import tensorflow as tf
        >>> features = tf.constant([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
        >>> kernel = tf.constant([[2.0, 0.0, 0.0], [0.0, 2.0, 0.0]])
        >>> loss = softmax_cross_entropy_with_projection(features, kernel, [0, 1, -1], ignored_index=-1)
        >>> print(f"{loss.numpy():.4f}")  # log(e^2 + 2) - 2
        0.2395
    """
    features = tf.convert_to_tensor(features)
    check(features.dtype.is_floating, "features", features.dtype.name, "have a floating-point dtype")
    check(features.shape.rank != 0, "features", Verbatim("a scalar"), "have shape (..., width)")
    check(0 <= label_smoothing < 1, "label_smoothing", label_smoothing, "a number in [0, 1)")
    check(reduction in ("mean", "sum"), "reduction", reduction, "'mean' or 'sum'")
    inner = tf.float64 if features.dtype == tf.float64 else tf.float32
    width = features.shape[-1] if features.shape.rank is not None else None
    kernel = tf.cast(kernel, inner)
    fits = kernel.shape.is_compatible_with([width, None])
    check(
        fits,
        "kernel",
        Verbatim(kernel.shape),
        f"have shape ({width}, num_words) to match the last axis of `features`",
    )
    words = kernel.shape[1] if kernel.shape.rank is not None else None
    check(words != 0, "kernel", Verbatim(kernel.shape), "have one column for each word, and at least one column")
    offset = tf.zeros(tf.shape(kernel)[1:], inner) if bias is None else tf.cast(bias, inner)
    check(offset.shape.is_compatible_with([words]), "bias", Verbatim(offset.shape), f"have shape ({words},)")
    labels = as_int32(labels, "labels")
    tokens = features.shape[:-1]
    check(
        labels.shape.is_compatible_with(tokens),
        "labels",
        Verbatim(labels.shape),
        f"have shape {tokens} with one value for each token",
    )
    factors = tf.ones_like(labels, inner) if weights is None else tf.cast(weights, inner)
    check(
        factors.shape.is_compatible_with(tokens),
        "weights",
        Verbatim(factors.shape),
        f"have shape {tokens} with one value for each token",
    )
    if ignored_index is not None:
        factors = tf.where(labels == ignored_index, tf.zeros_like(factors), factors)
    features = tf.reshape(tf.cast(features, inner), [-1, tf.shape(features)[-1] if width is None else width])
    labels, factors = tf.reshape(labels, [-1]), tf.stop_gradient(tf.reshape(factors, [-1]))
    mean = reduction == "mean"
    if compiled(features, kernel):
        return (
            library()
            .ops.tensorsmith_projection_loss(
                features,
                kernel,
                offset,
                labels,
                factors,
                label_smoothing=label_smoothing,
                mean=mean,
                gradients=gradients,
            )
            .loss
        )
    return _reference(features, kernel, offset, labels, factors, label_smoothing, mean)


def _reference(
    features: tf.Tensor,
    kernel: tf.Tensor,
    bias: tf.Tensor,
    labels: tf.Tensor,
    weights: tf.Tensor,
    label_smoothing: float,
    mean: bool,
) -> tf.Tensor:
    """Reference implementation of the fused projection and loss in TensorFlow. It stores all logits."""
    logits = tf.matmul(features, kernel) + bias
    counts = weights != 0
    # Labels of weight 0 may be out of range and are replaced.
    own = tf.gather(logits, tf.where(counts, labels, 0), axis=1, batch_dims=1)
    losses = tf.reduce_logsumexp(logits, axis=1) - (1 - label_smoothing) * own
    if label_smoothing > 0:
        losses -= label_smoothing * tf.reduce_mean(logits, axis=1)
    total = tf.reduce_sum(tf.where(counts, weights * losses, 0))
    return tf.math.divide_no_nan(total, tf.reduce_sum(weights)) if mean else total


@tf.RegisterGradient("TensorsmithProjectionLoss")
def _gradient(op: tf.Operation, dloss: tf.Tensor, *unused: tf.Tensor) -> list[tf.Tensor | None]:
    check(
        op.get_attr("gradients"),
        "gradients",
        False,
        "True if the loss is differentiated",
        "pass `gradients=True` to `softmax_cross_entropy_with_projection`",
    )
    gradients = library().ops.tensorsmith_projection_loss_grad(
        dloss, *op.outputs[1:], *op.inputs, label_smoothing=op.get_attr("label_smoothing"), mean=op.get_attr("mean")
    )
    return [*gradients, None, None]


@tf.RegisterGradient("TensorsmithProjectionLossGrad")
def _second_gradient(op: tf.Operation, *upstream: tf.Tensor) -> list[tf.Tensor | None]:
    dloss, *_, features, kernel, bias, labels, weights = op.inputs

    def reference(features: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
        options = {name: op.get_attr(name) for name in ("label_smoothing", "mean")}
        return _reference(features, kernel, bias, labels, weights, **options)

    def gradient(dloss: tf.Tensor, *inputs: tf.Tensor) -> list[tf.Tensor]:
        return vjp(reference, inputs, dloss)

    # The reference implementation recomputes the saved gradients from the inputs, so they receive no gradient.
    ddloss, *dinputs = vjp(gradient, [dloss, features, kernel, bias], list(upstream))
    return [ddloss, None, None, None, *dinputs, None, None]
