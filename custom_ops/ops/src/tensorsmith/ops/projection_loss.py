"""The last Dense layer and the cross-entropy over a vocabulary in one."""

import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import TensorLike
from tensorsmith.ops.arguments import as_int32
from tensorsmith.ops.dispatch import compiled
from tensorsmith.ops.gradients import vjp
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
    """The cross-entropy between labels and softmax(features kernel + bias), with no logits of all tokens in memory.

    Formula, with the logits z of a token, V words and the share s of label smoothing:

        loss = log(sum(exp(z))) - (1 - s) z[label] - s / V * sum(z)

    The logits are formed for some tokens at a time and turned at once into the gradients of features, kernel and bias,
    which are kept for the backward pass: it has nothing more to compute. That is why the losses of tokens come summed
    up, with the weights they are to have.

    Source: Szegedy et al., "Rethinking the Inception Architecture", 2016 (label smoothing); Wijmans et al., "Cut Your
    Losses in Large-Vocabulary Language Models", 2024 (the idea of fusing).

    Args:
        features: Tensor (..., width) of floating type; half types are computed in float32.
        kernel: Tensor (width, words).
        labels: Integers (...) in [0, words).
        bias: Tensor (words,); zeros if None.
        weights: Tensor (...): what each token counts; all 1 if None. No gradient flows into it.
        label_smoothing: Share of the target that is spread over all words, in [0, 1).
        ignored_index: Label of tokens that do not count, which need not be a word.
        reduction: "mean" divides by the sum of the weights (0 if they are all 0), "sum" does not.
        gradients: Whether gradients may be asked for. False saves two thirds of the work where they are not.

    Returns:
        A scalar: float64 for features of float64, else float32.

    Raises:
        ValueError: Shapes, types or options do not fit.
        tf.errors.InvalidArgumentError: A label that counts is no word.

    Example:
        >>> import tensorflow as tf
        >>> features = tf.constant([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
        >>> kernel = tf.constant([[2.0, 0.0, 0.0], [0.0, 2.0, 0.0]])
        >>> loss = softmax_cross_entropy_with_projection(features, kernel, [0, 1, -1], ignored_index=-1)
        >>> print(f"{loss.numpy():.4f}")  # log(e^2 + 2) - 2
        0.2395
    """
    features = tf.convert_to_tensor(features)
    check(features.dtype.is_floating, "features", features.dtype.name, "a tensor of floating type")
    check(features.shape.rank != 0, "features", "a scalar", "shape (..., width)")
    check(0 <= label_smoothing < 1, "label_smoothing", label_smoothing, "a number in [0, 1)")
    check(reduction in ("mean", "sum"), "reduction", reduction, "'mean' or 'sum'")
    inner = tf.float64 if features.dtype == tf.float64 else tf.float32
    width = features.shape[-1] if features.shape.rank is not None else None
    kernel = tf.cast(kernel, inner)
    fits = kernel.shape.is_compatible_with([width, None])
    check(fits, "kernel", Verbatim(kernel.shape), f"shape (width, words) with the features' width {width}")
    words = kernel.shape[1] if kernel.shape.rank is not None else None
    check(words != 0, "kernel", Verbatim(kernel.shape), "one word or more")
    offset = tf.zeros(tf.shape(kernel)[1:], inner) if bias is None else tf.cast(bias, inner)
    check(offset.shape.is_compatible_with([words]), "bias", Verbatim(offset.shape), f"shape ({words},)")
    labels = as_int32(labels, "labels")
    tokens = features.shape[:-1]
    check(labels.shape.is_compatible_with(tokens), "labels", Verbatim(labels.shape), f"one for each token, {tokens}")
    factors = tf.ones_like(labels, inner) if weights is None else tf.cast(weights, inner)
    check(factors.shape.is_compatible_with(tokens), "weights", Verbatim(factors.shape), f"one for each token, {tokens}")
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
    """The twin in plain TensorFlow, which stores the logits."""
    logits = tf.matmul(features, kernel) + bias
    counts = weights != 0
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
        "True where gradients are asked for",
        "call softmax_cross_entropy_with_projection(..., gradients=True)",
    )
    gradients = library().ops.tensorsmith_projection_loss_grad(
        dloss, *op.outputs[1:], *op.inputs, label_smoothing=op.get_attr("label_smoothing"), mean=op.get_attr("mean")
    )
    return [*gradients, None, None]


@tf.RegisterGradient("TensorsmithProjectionLossGrad")
def _second_gradient(op: tf.Operation, *upstream: tf.Tensor) -> list[tf.Tensor | None]:
    dloss, *_, features, kernel, bias, labels, weights = op.inputs

    def twin(features: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
        options = {name: op.get_attr(name) for name in ("label_smoothing", "mean")}
        return _reference(features, kernel, bias, labels, weights, **options)

    def gradient(dloss: tf.Tensor, *inputs: tf.Tensor) -> list[tf.Tensor]:
        return vjp(twin, inputs, dloss)

    # The saved gradients are functions of the inputs, and the twin works them out anew: nothing flows through them.
    ddloss, *dinputs = vjp(gradient, [dloss, features, kernel, bias], list(upstream))
    return [ddloss, None, None, None, *dinputs, None, None]
