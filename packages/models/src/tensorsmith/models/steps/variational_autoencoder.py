"""Variational autoencoder: a model that learns codes and a likelihood of images."""

from collections.abc import Mapping
from typing import Any, Self

import keras
import tensorflow as tf
from keras import ops

from tensorsmith.core import Verbatim, check, export, is_integer, is_number
from tensorsmith.core.types import Logs, Tensor, TensorLike
from tensorsmith.layers import Sampling
from tensorsmith.losses import gaussian_kl, reconstruction_loss
from tensorsmith.models.networks._support.arguments import check_option
from tensorsmith.models.steps._support.own_step import OwnStep, draw_or_check

LIKELIHOODS = ("bernoulli", "gaussian")


@export
class VariationalAutoencoder(OwnStep):
    """Variational autoencoder, which is trained by maximizing the evidence lower bound (ELBO).

    The encoder returns the mean and the log-variance of a normal distribution q(z | x) of codes for each image x, and
    the decoder the logits (`"bernoulli"`) or means (`"gaussian"`) of the pixels for each code. The loss of an image, in
    nats, is summed over pixels and dimensions of the code:

        loss = -log p(x | z) + beta * Σ max(KL_j, free_bits),   z ~ q(z | x)

    KL_j is the divergence of dimension j from the standard normal distribution. As for free bits in the paper, the
    maximum is taken of its mean over the batch. With `beta=1` and `free_bits=0`, the loss is the negative ELBO. A
    smaller `beta` and free bits counteract the collapse of dimensions, in which the decoder learns to ignore them. To
    increase `beta` during training, pass a schedule to the trainer:
    `Trainer(..., schedules={"beta": (model.beta, Linear(0, 1, "20%"))})`.

    Training and evaluation log these means over the images: `loss`, `reconstruction_loss`, `kl_divergence` and
    `negative_elbo`, which does not depend on `beta` and `free_bits`. With `importance_samples` k > 1, evaluation also
    logs `negative_log_likelihood`, the importance-weighted bound, which is tighter the larger k is:

        -log (1/k Σ_i p(x, z_i) / q(z_i | x)),   i = 1, ..., k

    Sources: Kingma and Welling, "Auto-Encoding Variational Bayes", 2014; Higgins et al., "beta-VAE", 2017 (`beta`);
    Kingma et al., "Improving Variational Inference with Inverse Autoregressive Flow", 2016 (`free_bits`); Burda et al.,
    "Importance Weighted Autoencoders", 2016.

    Args:
        encoder: Model with one input and two outputs, mean and log-variance, each of shape `(batch, codings)`.
        decoder: Model from codes of shape `(batch, codings)` to logits or means in the shape of the encoder's input.
        likelihood: Distribution of the pixels: `"bernoulli"` for pixels in [0, 1], or `"gaussian"` with unit variance.
        beta: Non-negative weight of the divergence. The attribute `beta` is a `keras.Variable`.
        free_bits: Divergence in nats per dimension below which it is not penalized.
        importance_samples: Number of codes per image in the importance-weighted bound.
        seed: Integer to seed the random generator. If `None`, the seed is derived from the global Keras seed.
        **kwargs: Base model keyword arguments, such as `name`.

    Call arguments:
        inputs: Images, in the shape of the encoder's input.

    Output shape:
        Same as the input shape: the probabilities or means of the pixels for the mean codes. `generate` returns those
        for given or random codes.

    Raises:
        ValueError: If an argument is invalid, if the shapes of the networks do not match or, in `fit`, if pixels are
            not in [0, 1] for `"bernoulli"`.

    Example:
        >>> import keras, numpy as np
        >>> inputs = keras.Input((4,))
        >>> encoder = keras.Model(inputs, [keras.layers.Dense(2)(inputs), keras.layers.Dense(2)(inputs)])
        >>> decoder = keras.Sequential([keras.Input((2,)), keras.layers.Dense(4)])
        >>> model = VariationalAutoencoder(encoder, decoder)
        >>> model.compile("adam")
        >>> history = model.fit(np.random.default_rng(0).random((64, 4)), verbose=0)
        >>> sorted(history.history)
        ['kl_divergence', 'loss', 'negative_elbo', 'reconstruction_loss']
        >>> model.generate(5).shape.as_list()
        [5, 4]
    """

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        likelihood: str = "bernoulli",
        beta: float = 1.0,
        free_bits: float = 0.0,
        importance_samples: int = 1,
        seed: int | None = None,
        **kwargs: Any,
    ):
        check_option("likelihood", likelihood, LIKELIHOODS)
        check(is_number(beta) and beta >= 0, "beta", beta, "a non-negative number")
        check(is_number(free_bits) and free_bits >= 0, "free_bits", free_bits, "a non-negative number")
        valid = is_integer(importance_samples) and importance_samples > 0
        check(valid, "importance_samples", importance_samples, "a positive integer")
        _check_networks(encoder, decoder)
        super().__init__(**kwargs)
        self.encoder = encoder
        self.decoder = decoder
        self.likelihood = likelihood
        self.sample_range = (0.0, 1.0) if likelihood == "bernoulli" else None
        self.beta = keras.Variable(beta, trainable=False, dtype="float32", name="beta")
        self.free_bits = free_bits
        self.importance_samples = importance_samples
        self.initial_beta = beta
        self.sampling = Sampling(seed)
        names = ["loss", "reconstruction_loss", "kl_divergence", "negative_elbo"]
        self._means = {name: keras.metrics.Mean(name) for name in names}
        self._negative_log_likelihood = keras.metrics.Mean("negative_log_likelihood")
        self.built = True  # as the networks are

    def call(self, inputs: Tensor) -> Tensor:
        """Returns the reconstructions from the mean codes."""
        mean, _ = self.encoder(inputs)
        return self._pixels(self.decoder(mean))

    def generate(self, codes: Tensor | int, seed: int | None = None) -> Tensor:
        """Returns images for codes.

        Args:
            codes: Codes of shape `(n, codings)`, or the number n of codes to sample from the standard normal
                distribution.
            seed: Seed of the sampled codes.

        Raises:
            ValueError: If the shape of the codes does not match, or their number is not positive.
        """
        return self._pixels(self.decoder(draw_or_check("codes", codes, self.decoder.input_shape[1:], seed)))

    def check_data(self, x: TensorLike, y: TensorLike | None = None) -> None:
        """Raises an error if the images, or images as targets, are out of range."""
        super().check_data(x, y)
        if y is not None:
            self._check_range("y", y)

    def train_step(self, data: Any) -> Logs:
        """Performs one training step on a batch of images."""
        images, targets = _images_and_targets(data)
        with tf.GradientTape() as tape:
            mean, log_variance = self.encoder(images, training=True)
            logits = self.decoder(self.sampling([mean, log_variance]), training=True)
            loss = self._update_means(targets, logits, mean, log_variance)
            # Gradients of replicas are summed.
            scaled = self.optimizer.scale_loss(loss / tf.distribute.get_strategy().num_replicas_in_sync)
        self.optimizer.apply(tape.gradient(scaled, self.trainable_variables), self.trainable_variables)
        return {name: metric.result() for name, metric in self._means.items()}

    def test_step(self, data: Any) -> Logs:
        """Evaluates the bounds on a batch of images."""
        images, targets = _images_and_targets(data)
        mean, log_variance = self.encoder(images)
        self._update_means(targets, self.decoder(self.sampling([mean, log_variance])), mean, log_variance)
        metrics = dict(self._means)
        if self.importance_samples > 1:
            self._negative_log_likelihood.update_state(-self._importance_weighted_bound(targets, mean, log_variance))
            metrics["negative_log_likelihood"] = self._negative_log_likelihood
        return {name: metric.result() for name, metric in metrics.items()}

    def _update_means(self, targets: Tensor, logits: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
        """Updates the logged means, and returns the loss."""
        reconstruction = self._reconstruction_loss(targets, logits)
        # The divergence of single dimensions: an axis of size 1 is added, over which `gaussian_kl` sums.
        by_dimension = gaussian_kl(mean[..., None], log_variance[..., None])
        divergence = ops.sum(by_dimension, axis=-1)
        penalty = ops.sum(ops.maximum(ops.mean(by_dimension, axis=0), self.free_bits))
        loss = ops.mean(reconstruction) + self.beta * penalty
        self._means["loss"].update_state(loss, sample_weight=ops.shape(targets)[0])
        self._means["reconstruction_loss"].update_state(reconstruction)
        self._means["kl_divergence"].update_state(divergence)
        self._means["negative_elbo"].update_state(reconstruction + divergence)
        return loss

    def _importance_weighted_bound(self, targets: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
        """Returns the importance-weighted bound of log p(x) for each target."""
        samples = self.importance_samples
        targets, mean, log_variance = (ops.repeat(part, samples, axis=0) for part in (targets, mean, log_variance))
        codes = self.sampling([mean, log_variance])
        # log p(z) - log q(z | x), in which the constants cancel.
        squares = ops.square(codes - mean) * ops.exp(-log_variance) - ops.square(codes)
        log_ratio = 0.5 * ops.sum(squares + log_variance, axis=-1)
        log_weights = log_ratio - self._reconstruction_loss(targets, self.decoder(codes))
        return ops.logsumexp(ops.reshape(log_weights, (-1, samples)), axis=-1) - ops.log(float(samples))

    def _reconstruction_loss(self, targets: Tensor, logits: Tensor) -> Tensor:
        return reconstruction_loss(targets, logits, self.likelihood, from_logits=self.likelihood == "bernoulli")

    def _pixels(self, logits: Tensor) -> Tensor:
        return ops.sigmoid(logits) if self.likelihood == "bernoulli" else logits

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the model."""
        return {
            **super().get_config(),
            "encoder": keras.saving.serialize_keras_object(self.encoder),
            "decoder": keras.saving.serialize_keras_object(self.decoder),
            "likelihood": self.likelihood,
            "beta": self.initial_beta,
            "free_bits": self.free_bits,
            "importance_samples": self.importance_samples,
            "seed": self.sampling.seed,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Self:
        """Creates a model from its config."""
        networks = {
            name: keras.saving.deserialize_keras_object(config[name], custom_objects) for name in ("encoder", "decoder")
        }
        return cls(**{**config, **networks})


def _check_networks(encoder: Any, decoder: Any) -> None:
    """Raises an error if the networks are no models, or their shapes do not match."""
    for name, network in (("encoder", encoder), ("decoder", decoder)):
        check(isinstance(network, keras.Model) and network.built, name, network, "a built keras.Model")
    codes = encoder.output_shape
    pair = isinstance(codes, list | tuple) and len(codes) == 2 and all(isinstance(shape, tuple) for shape in codes)
    expected = "two outputs of equal shape (batch, codings), mean and log-variance"
    check(pair and codes[0] == codes[1] and len(codes[0]) == 2, "encoder", Verbatim(f"outputs {codes}"), expected)
    fits = decoder.input_shape == codes[0]
    check(fits, "decoder", Verbatim(f"input {decoder.input_shape}"), f"the input {codes[0]}, the codes of the encoder")
    fits = decoder.output_shape == encoder.input_shape
    received = Verbatim(f"output {decoder.output_shape}")
    check(fits, "decoder", received, f"the output {encoder.input_shape}, the images of the encoder")


def _images_and_targets(data: Any) -> tuple[Tensor, Tensor]:
    images, targets, weights = keras.utils.unpack_x_y_sample_weight(data)
    check(weights is None, "sample_weight", Verbatim("weights"), "None, because the bounds are means over images")
    return images, images if targets is None else targets
