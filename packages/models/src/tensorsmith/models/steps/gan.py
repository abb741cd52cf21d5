"""Generative adversarial network: a generator and a discriminator that are trained against each other."""

from collections.abc import Mapping
from typing import Any, Self

import keras
import tensorflow as tf
from keras import ops

from tensorsmith.core import Verbatim, argument_error, check, export, is_integer, is_number
from tensorsmith.core.types import Logs, Optimizer, Tensor, TensorLike
from tensorsmith.losses import (
    gradient_penalty,
    hinge_discriminator_loss,
    hinge_generator_loss,
    minimax_discriminator_loss,
    minimax_generator_loss,
    non_saturating_generator_loss,
    wasserstein_critic_loss,
    wasserstein_generator_loss,
)
from tensorsmith.models.networks._support.arguments import check_option
from tensorsmith.models.steps._support.averaging import averaged_copy, update_average
from tensorsmith.models.steps._support.own_step import OwnStep, activation_range, check_classes, draw_or_check

LOSSES = {
    "non_saturating": (minimax_discriminator_loss, non_saturating_generator_loss),
    "minimax": (minimax_discriminator_loss, minimax_generator_loss),
    "hinge": (hinge_discriminator_loss, hinge_generator_loss),
    "wasserstein": (wasserstein_critic_loss, wasserstein_generator_loss),
}


@export
class GAN(OwnStep):
    """Generative adversarial network (GAN): a generator of samples and a discriminator that learns to reject them.

    The generator transforms codes, drawn from the standard normal distribution, into samples. The discriminator returns
    a score for each sample, without an activation, which is trained to be high for real samples and low for generated
    samples. A training step has two phases:

    1. The discriminator is trained on real samples and as many generated ones. With `critic_steps` n > 1, this is
       repeated n times, each time with another n-th of the batch. A batch of fewer than n samples is repeated.
    2. The generator is trained to increase the scores of new samples.

    With `simultaneous=True`, both are trained on the same generated samples, which is faster: the discriminator
    processes them once.

    Networks with two inputs are conditional (Mirza and Osindero, 2014): the second input is the integer class, of shape
    `(batch,)`. Train them on images and labels, `fit(images, labels)`.

    Training logs `generator_loss` and `discriminator_loss`, which includes the gradient penalty. Except for the
    Wasserstein loss, whose scores have no threshold, it also logs `discriminator_accuracy`: the fraction of real
    samples with a positive score and generated samples with a negative one, which is 0.5 for perfect samples.

    Sources: Goodfellow et al., "Generative Adversarial Nets", 2014; Gulrajani et al., "Improved Training of Wasserstein
    GANs", 2017 (`gradient_penalty`, `critic_steps`); Yazıcı et al., "The Unusual Effectiveness of Averaging in GAN
    Training", 2019 (`average`).

    Args:
        generator: Model from codes of shape `(batch, codings)` to samples, or from codes and classes.
        discriminator: Model from samples to scores of shape `(batch, 1)`, or from samples and classes.
        discriminator_optimizer: Optimizer of the discriminator. If `None`, it has the configuration of the generator's
            optimizer, which is passed to `compile`.
        loss: Name of the losses: `"non_saturating"`, `"minimax"`, `"hinge"` or `"wasserstein"`.
        gradient_penalty: Non-negative weight of the gradient penalty. 10 is usual with the Wasserstein loss.
        critic_steps: Number of training steps of the discriminator for each step of the generator.
        simultaneous: If `True`, train both networks on the same generated samples. Requires `critic_steps=1`.
        separate_batches: If `True`, the discriminator processes real and generated samples in two calls, which is
            slower. Layers that compare the samples of a batch require it, such as
            `tensorsmith.layers.MinibatchStandardDeviation`.
        average: Decay of the exponential moving average of the generator's weights, such as 0.999. If it is positive,
            `generate`, `call` and `predict` use the averaged weights.
        seed: Integer to seed the random generator. If `None`, the seed is derived from the global Keras seed.
        **kwargs: Base model keyword arguments, such as `name`.

    Call arguments:
        inputs: Codes, or a pair of codes and classes.

    Output shape:
        That of the generator.

    Raises:
        ValueError: If an argument is invalid, if the shapes of the networks do not match or, in `fit`, if samples are
            not in the range of the generator's last activation, or labels are no classes of the generator.

    Example:
        >>> import keras, numpy as np
        >>> generator = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
        >>> discriminator = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        >>> model = GAN(generator, discriminator)
        >>> model.compile("adam")
        >>> history = model.fit(np.random.default_rng(0).normal(size=(64, 3)), verbose=0)
        >>> sorted(history.history)
        ['discriminator_accuracy', 'discriminator_loss', 'generator_loss']
        >>> model.generate(5).shape.as_list()
        [5, 3]

        A discriminator that compares the samples of a batch:

        >>> from tensorsmith.layers import MinibatchStandardDeviation
        >>> layers = [keras.Input((3,)), MinibatchStandardDeviation(), keras.layers.Dense(1)]
        >>> model = GAN(generator, keras.Sequential(layers), separate_batches=True)
        >>> model.compile("adam")
        >>> history = model.fit(np.random.default_rng(0).normal(size=(64, 3)), verbose=0)
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        discriminator_optimizer: Optimizer | None = None,
        loss: str = "non_saturating",
        gradient_penalty: float = 0.0,
        critic_steps: int = 1,
        simultaneous: bool = False,
        separate_batches: bool = False,
        average: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        check_option("loss", loss, LOSSES)
        valid = is_number(gradient_penalty) and gradient_penalty >= 0
        check(valid, "gradient_penalty", gradient_penalty, "a non-negative number")
        check(is_integer(critic_steps) and critic_steps > 0, "critic_steps", critic_steps, "a positive integer")
        remedy = "pass simultaneous=False for several steps of the discriminator"
        check(not simultaneous or critic_steps == 1, "critic_steps", critic_steps, "1 with simultaneous=True", remedy)
        check(is_number(average) and 0 <= average < 1, "average", average, "a number in [0, 1)")
        _check_networks(generator, discriminator)
        super().__init__(**kwargs)
        self.generator = generator
        self.discriminator = discriminator
        self.discriminator_optimizer = (
            keras.optimizers.get(discriminator_optimizer) if discriminator_optimizer else None
        )
        self.loss_name = loss
        self.gradient_penalty = gradient_penalty
        self.critic_steps = critic_steps
        self.simultaneous = simultaneous
        self.separate_batches = separate_batches
        self.average = average
        self.seed = seed
        self.conditional = len(generator.inputs) == 2
        self.averaged_generator = averaged_copy(generator) if average else None
        self._seeds = keras.random.SeedGenerator(seed)
        names = ["generator_loss", "discriminator_loss"] + ["discriminator_accuracy"] * (loss != "wasserstein")
        self._means = {name: keras.metrics.Mean(name) for name in names}
        self.sample_range = activation_range(generator)
        self.built = True  # as the networks are

    def build_optimizers(self) -> None:
        """Builds both optimizers. That of the model is the generator's."""
        if self.discriminator_optimizer is None:
            config = keras.saving.serialize_keras_object(self.optimizer)
            self.discriminator_optimizer = keras.saving.deserialize_keras_object(config)
        self.optimizer.build(self.generator.trainable_variables)
        self.discriminator_optimizer.build(self.discriminator.trainable_variables)

    def call(self, inputs: Tensor | tuple[Tensor, Tensor]) -> Tensor:
        """Returns the samples for codes, or for codes and classes."""
        return (self.averaged_generator or self.generator)(inputs)

    def generate(self, codes: Tensor | int, labels: Tensor | None = None, seed: int | None = None) -> Tensor:
        """Returns samples for codes.

        Args:
            codes: Codes of shape `(n, codings)`, or the number n of codes to sample from the standard normal
                distribution.
            labels: Classes of shape `(n,)`, if the networks are conditional.
            seed: Seed of the sampled codes.

        Raises:
            ValueError: If there are labels and the networks are not conditional, or the other way round, if codes or
                labels have an invalid shape, or if labels are no classes of the generator.
        """
        codes = draw_or_check("codes", codes, self.generator.inputs[0].shape[1:], seed)
        self._check_labels(labels)
        if labels is None:
            return self(codes)
        self._check_classes("labels", labels, len(codes))
        return self([codes, ops.convert_to_tensor(labels)])

    def check_data(self, x: TensorLike, y: TensorLike | None = None) -> None:
        """Raises an error if samples are out of range, or labels are no classes of the generator."""
        super().check_data(x, y)
        self._check_labels(y)
        if y is not None:
            self._check_classes("y", y, ops.shape(x)[0])

    def train_step(self, data: Any) -> Logs:
        """Performs one training step on a batch of real samples, or of samples and labels."""
        real, labels, weights = keras.utils.unpack_x_y_sample_weight(data)
        check(weights is None, "sample_weight", Verbatim("weights"), "None, which the losses of a GAN do not support")
        self._check_labels(labels)
        if self.simultaneous:
            self._train_simultaneously(real, labels)
        else:
            for step in range(self.critic_steps):
                part, part_labels = self._part(real, step), self._part(labels, step)
                fake = self._draw_samples(ops.shape(part)[0], part_labels)
                self.train_discriminator(part, fake, part_labels)
            self._train_generator(ops.shape(part)[0], part_labels)
        if self.averaged_generator is not None:
            update_average(self.averaged_generator, self.generator, self.average)
        return {name: metric.result() for name, metric in self._means.items()}

    def train_discriminator(self, real: Tensor, fake: Tensor, labels: Tensor | None = None) -> None:
        """Trains the discriminator on real and generated samples. Override it to train on other generated samples."""
        with tf.GradientTape() as tape:
            loss, _ = self._discriminator_loss(real, fake, labels)
            scaled = _scaled(loss, self.discriminator_optimizer)
        _apply(tape, scaled, self.discriminator_optimizer, self.discriminator)

    def _part(self, values: Tensor | None, step: int) -> Tensor | None:
        """Returns the part of a batch on which a step of the discriminator is trained."""
        if values is None:
            return None
        # The last batch of an epoch may have fewer samples than there are steps.
        return values[step % ops.minimum(ops.shape(values)[0], self.critic_steps) :: self.critic_steps]

    def _train_generator(self, count: Tensor, labels: Tensor | None) -> None:
        with tf.GradientTape() as tape:
            fake = self._draw_samples(count, labels)
            scaled = _scaled(self._generator_loss(self._scores(fake, labels)), self.optimizer)
        _apply(tape, scaled, self.optimizer, self.generator)

    def _train_simultaneously(self, real: Tensor, labels: Tensor | None) -> None:
        with tf.GradientTape(persistent=True) as tape:
            fake = self._draw_samples(ops.shape(real)[0], labels)
            discriminator_loss, fake_scores = self._discriminator_loss(real, fake, labels)
            scaled_of_discriminator = _scaled(discriminator_loss, self.discriminator_optimizer)
            scaled_of_generator = _scaled(self._generator_loss(fake_scores), self.optimizer)
        _apply(tape, scaled_of_discriminator, self.discriminator_optimizer, self.discriminator)
        _apply(tape, scaled_of_generator, self.optimizer, self.generator)

    def _discriminator_loss(self, real: Tensor, fake: Tensor, labels: Tensor | None) -> tuple[Tensor, Tensor]:
        """Updates the metrics of the discriminator, and returns its loss and the scores of the generated samples."""
        fake = ops.cast(fake, real.dtype)
        if self.separate_batches:
            real_scores, fake_scores = self._scores(real, labels), self._scores(fake, labels)
        else:
            twice = None if labels is None else ops.concatenate([labels, labels])
            real_scores, fake_scores = ops.split(self._scores(ops.concatenate([real, fake]), twice), 2)
        loss = ops.mean(LOSSES[self.loss_name][0](real_scores, fake_scores))
        if self.gradient_penalty:
            penalty = gradient_penalty(lambda samples: self._scores(samples, labels), real, fake, self._seeds)
            loss += self.gradient_penalty * ops.mean(penalty)
        self._means["discriminator_loss"].update_state(loss)
        if "discriminator_accuracy" in self._means:
            correct = ops.concatenate([real_scores > 0, fake_scores < 0])
            self._means["discriminator_accuracy"].update_state(ops.cast(correct, "float32"))
        return loss, fake_scores

    def _generator_loss(self, fake_scores: Tensor) -> Tensor:
        loss = ops.mean(LOSSES[self.loss_name][1](fake_scores))
        self._means["generator_loss"].update_state(loss)
        return loss

    def _scores(self, samples: Tensor, labels: Tensor | None) -> Tensor:
        return self.discriminator(samples if labels is None else [samples, labels], training=True)

    def _draw_samples(self, count: Tensor, labels: Tensor | None) -> Tensor:
        codes = self._draw_codes(count, self._seeds)
        return self.generator(codes if labels is None else [codes, labels], training=True)

    def _draw_codes(self, count: Tensor | int, seed: Any) -> Tensor:
        return keras.random.normal((count, self.generator.inputs[0].shape[-1]), seed=seed)

    def _check_labels(self, labels: Tensor | None) -> None:
        expected = "the classes of the samples, because the networks are conditional"
        check(labels is not None or not self.conditional, "labels", None, expected)
        expected = "None, because the networks have no input for classes"
        check(labels is None or self.conditional, "labels", Verbatim("classes"), expected)

    def _check_classes(self, name: str, labels: TensorLike, size: int) -> None:
        check_classes(name, labels, size, classes=None)
        if not tf.executing_eagerly():
            return
        greatest = ops.reshape(ops.max(labels), (1,))
        codes = ops.zeros((1, self.generator.inputs[0].shape[-1]))
        try:  # the number of classes is known to the layers of the generator only
            self.generator([codes, greatest])
        except tf.errors.InvalidArgumentError as error:
            received = Verbatim(f"class {int(greatest[0])}")
            raise argument_error(name, received, "classes for which the generator is built") from error

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the model."""
        optimizer = self.discriminator_optimizer
        return {
            **super().get_config(),
            "generator": keras.saving.serialize_keras_object(self.generator),
            "discriminator": keras.saving.serialize_keras_object(self.discriminator),
            "discriminator_optimizer": optimizer and keras.saving.serialize_keras_object(optimizer),
            "loss": self.loss_name,
            "gradient_penalty": self.gradient_penalty,
            "critic_steps": self.critic_steps,
            "simultaneous": self.simultaneous,
            "separate_batches": self.separate_batches,
            "average": self.average,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Self:
        """Creates a model from its config."""
        names = ("generator", "discriminator", "discriminator_optimizer")
        parts = {name: keras.saving.deserialize_keras_object(config[name], custom_objects) for name in names}
        return cls(**{**config, **parts})


def _scaled(loss: Tensor, optimizer: keras.optimizers.Optimizer) -> Tensor:
    """Returns the loss of a replica, whose gradients are summed over replicas."""
    return optimizer.scale_loss(loss / tf.distribute.get_strategy().num_replicas_in_sync)


def _apply(tape: tf.GradientTape, loss: Tensor, optimizer: keras.optimizers.Optimizer, network: keras.Model) -> None:
    optimizer.apply(tape.gradient(loss, network.trainable_variables), network.trainable_variables)


def _check_networks(generator: Any, discriminator: Any) -> None:
    """Raises an error if the networks are no models, or their shapes do not match."""
    for name, network in (("generator", generator), ("discriminator", discriminator)):
        valid = isinstance(network, keras.Model) and bool(getattr(network, "inputs", None))
        check(valid, name, network, "a keras.Model with defined inputs")
        check(len(network.inputs) <= 2, name, Verbatim(f"{len(network.inputs)} inputs"), "1 input, or 2 with classes")
    codes = generator.inputs[0].shape
    fits = len(codes) == 2 and codes[1]
    check(fits, "generator", Verbatim(f"input {codes}"), "an input of codes, of shape (batch, codings)")
    samples = discriminator.inputs[0].shape
    received = Verbatim(f"output {generator.output_shape}")
    check(generator.output_shape == samples, "generator", received, f"{samples}, the input of the discriminator")
    received = Verbatim(f"output {discriminator.output_shape}")
    check(discriminator.output_shape == (None, 1), "discriminator", received, "one score for each sample, (batch, 1)")
    both = len(generator.inputs) == len(discriminator.inputs)
    received = Verbatim(f"{len(discriminator.inputs)} inputs")
    check(both, "discriminator", received, f"{len(generator.inputs)}, as the generator: both or neither have classes")
