"""Denoising diffusion model: a network that removes noise from samples, step by step."""

from collections.abc import Mapping
from typing import Any, Self

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from tensorsmith.core import Verbatim, check, export, is_integer, is_number
from tensorsmith.core.types import Logs, Tensor, TensorLike
from tensorsmith.models.networks._support.arguments import check_option
from tensorsmith.models.steps._support.averaging import averaged_copy, update_average
from tensorsmith.models.steps._support.own_step import OwnStep, check_classes, draw_or_check

NOISES = ("cosine", "linear")


@export
class Diffusion(OwnStep):
    """Denoising diffusion probabilistic model (DDPM), which generates samples by removing noise step by step.

    Noise is added to a sample x in T steps, until nothing of it is left. After step t, with ε drawn from the standard
    normal distribution,

        x_t = sqrt(a_t) x + sqrt(1 - a_t) ε

    The network is trained to predict ε from x_t and t, with the mean squared error as loss. The rate a_t of the signal
    decreases with t: for `"cosine"` noise like a squared cosine (Nichol and Dhariwal, 2021), for `"linear"` noise like
    the product of 1 - β, in which β increases linearly from 1e-4 to 0.02 for T = 1000 (Ho et al., 2020).

    A network with a third input is conditional. Train it on samples and labels, `fit(samples, labels)`. A fraction
    `label_dropout` of the labels is replaced by `classes`, an additional class that stands for no label. `generate` can
    then follow the labels more closely than the data do (classifier-free guidance, Ho and Salimans, 2022).

    Sources: Ho et al., "Denoising Diffusion Probabilistic Models", 2020; Song et al., "Denoising Diffusion Implicit
    Models", 2021 (DDIM, with which `generate` needs fewer steps than T); Lin et al., "Common Diffusion Noise Schedules
    and Sample Steps Are Flawed", 2024 (the choice of these steps).

    Args:
        network: Model from noisy samples, integer steps t - 1 of shape `(batch,)` and, if it is conditional, integer
            classes of shape `(batch,)`, to noise in the shape of the samples.
        noise: `"cosine"` or `"linear"`.
        steps: Number of steps T.
        classes: Number of classes of a conditional network, at least 2, or `None`. Its third input takes the values 0
            to `classes`.
        label_dropout: Probability with which a label is replaced in training.
        average: Decay of the exponential moving average of the network's weights, such as 0.999. If it is positive,
            `generate` and `call` use the averaged weights.
        clip: Pair of bounds of the samples, to which `generate` clips its estimates of x, or `None` for samples without
            bounds. The first estimates multiply the error of the predicted noise by 1 / sqrt(a_T), which is above 100
            for `"linear"` noise and 10,000 for `"cosine"` noise.
        seed: Integer to seed the random generator. If `None`, the seed is derived from the global Keras seed.
        **kwargs: Base model keyword arguments, such as `name`.

    Call arguments:
        inputs: Noisy samples and steps, and classes if the network is conditional.

    Output shape:
        That of the samples: the predicted noise.

    Raises:
        ValueError: If an argument is invalid, if the shapes of the network do not match or, in `fit`, if samples are
            not within the bounds `clip`, or labels are no classes.

    Example:
        >>> import keras, numpy as np
        >>> samples, step = keras.Input((2,)), keras.Input((), dtype="int32")
        >>> hidden = keras.layers.Concatenate()([samples, keras.layers.Embedding(100, 8)(step)])
        >>> network = keras.Model([samples, step], keras.layers.Dense(2)(keras.layers.Dense(32, "relu")(hidden)))
        >>> model = Diffusion(network, steps=100)
        >>> model.compile("adam")
        >>> history = model.fit(np.random.default_rng(0).uniform(-1, 1, size=(64, 2)), verbose=0)
        >>> model.generate(5, steps=10).shape.as_list()
        [5, 2]
    """

    def __init__(
        self,
        network: keras.Model,
        noise: str = "cosine",
        steps: int = 1000,
        classes: int | None = None,
        label_dropout: float = 0.1,
        average: float = 0.0,
        clip: tuple[float, float] | None = (-1.0, 1.0),
        seed: int | None = None,
        **kwargs: Any,
    ):
        check_option("noise", noise, NOISES)
        check(is_integer(steps) and steps > 1, "steps", steps, "an integer of at least 2")
        check(
            classes is None or (is_integer(classes) and classes > 1),
            "classes",
            classes,
            "an integer of at least 2 or None",
        )
        check(is_number(label_dropout) and 0 <= label_dropout < 1, "label_dropout", label_dropout, "in [0, 1)")
        check(is_number(average) and 0 <= average < 1, "average", average, "in [0, 1)")
        pair = isinstance(clip, list | tuple) and len(clip) == 2 and all(map(is_number, clip))
        check(clip is None or (pair and clip[0] < clip[1]), "clip", clip, "None, or a lower and an upper bound")
        _check_network(network, classes)
        super().__init__(**kwargs)
        self.network = network
        self.noise = noise
        self.steps = steps
        self.classes = classes
        self.label_dropout = label_dropout
        self.average = average
        self.clip = clip
        self.sample_range = clip
        self.seed = seed
        self.averaged_network = averaged_copy(network) if average else None
        self._signal = signal_rates(noise, steps).astype("float32")
        self._seeds = keras.random.SeedGenerator(seed)
        self._mean = keras.metrics.Mean("loss")
        self._compiled_call = tf.function(lambda *inputs: self(inputs, training=False), reduce_retracing=True)
        self.built = True  # as the network is

    def call(self, inputs: tuple[Tensor, ...]) -> Tensor:
        """Returns the predicted noise."""
        return (self.averaged_network or self.network)(inputs)

    def train_step(self, data: Any) -> Logs:
        """Performs one training step on a batch of samples, or of samples and labels."""
        with tf.GradientTape() as tape:
            loss = self._loss(data, training=True)
            # Gradients of replicas are summed.
            scaled = self.optimizer.scale_loss(loss / tf.distribute.get_strategy().num_replicas_in_sync)
        variables = self.network.trainable_variables
        self.optimizer.apply(tape.gradient(scaled, variables), variables)
        if self.averaged_network is not None:
            update_average(self.averaged_network, self.network, self.average)
        return {"loss": self._mean.result()}

    def test_step(self, data: Any) -> Logs:
        """Evaluates the loss on a batch, at random steps."""
        self._loss(data, training=False)
        return {"loss": self._mean.result()}

    def generate(
        self,
        noise: Tensor | int,
        labels: Tensor | None = None,
        steps: int = 25,
        guidance: float = 0.0,
        stochastic: float = 0.0,
        seed: int | None = None,
    ) -> Tensor:
        """Returns generated samples.

        Args:
            noise: Noise in the shape of the samples with a batch axis, or the number n of samples to draw it for.
            labels: Classes of shape `(n,)`, if the network is conditional. `classes` stands for no label.
            steps: Number of steps in which the noise is removed, at most T.
            guidance: Non-negative weight w of classifier-free guidance. The predicted noise is
                `(1 + w) * with_label - w * without_label`.
            stochastic: Number from 0 (DDIM, in which the noise determines the sample) to 1 (DDPM, which adds new noise
                after each step).
            seed: Seed of the noise.

        Raises:
            ValueError: If an argument is out of range, if noise or labels have an invalid shape, if there is guidance
                without labels, or if labels and network do not match.
        """
        check(is_integer(steps) and 1 <= steps <= self.steps, "steps", steps, f"an integer from 1 to {self.steps}")
        check(is_number(guidance) and guidance >= 0, "guidance", guidance, "a non-negative number")
        check(is_number(stochastic) and 0 <= stochastic <= 1, "stochastic", stochastic, "in [0, 1]")
        self._check_labels(labels)
        check(not guidance or labels is not None, "guidance", guidance, "0 without labels")
        seeds = keras.random.SeedGenerator(seed)
        samples = draw_or_check("noise", noise, self.network.inputs[0].shape[1:], seeds)
        if labels is not None and self.classes is not None:
            check_classes("labels", labels, len(samples), self.classes + 1)
            labels = ops.convert_to_tensor(labels, "int32")
        # Steps at equal distances from T on, which end before the first one: with few steps, the last of them removes
        # more noise than that of the first step (Lin et al., 2024).
        times = np.round(np.arange(steps, 0, -1) * self.steps / steps).astype(int) - 1
        for time, signal, next_signal in zip(times, self._signal[times], [*self._signal[times[1:]], 1.0], strict=True):
            predicted = self._predicted_noise(samples, int(time), labels, guidance)
            clean = (samples - np.sqrt(1 - signal) * predicted) / np.sqrt(signal)
            if self.clip is not None:
                clean = ops.clip(clean, *self.clip)
                predicted = (samples - np.sqrt(signal) * clean) / np.sqrt(1 - signal)
            # Standard deviation of the noise that is added (Song et al., equation 16).
            added = stochastic * np.sqrt((1 - next_signal) / (1 - signal) * (1 - signal / next_signal))
            samples = np.sqrt(next_signal) * clean + np.sqrt(max(1 - next_signal - added**2, 0)) * predicted
            if added:
                samples += added * keras.random.normal(ops.shape(samples), seed=seeds)
        return samples

    def _predicted_noise(self, samples: Tensor, time: int, labels: Tensor | None, guidance: float) -> Tensor:
        times = ops.full((ops.shape(samples)[0],), time, "int32")
        if labels is None:
            return self._compiled_call(samples, times)
        predicted = self._compiled_call(samples, times, labels)
        if guidance:
            without = self._compiled_call(samples, times, ops.full_like(labels, self.classes))
            predicted = (1 + guidance) * predicted - guidance * without
        return predicted

    def _loss(self, data: Any, training: bool) -> Tensor:
        samples, labels, weights = keras.utils.unpack_x_y_sample_weight(data)
        check(weights is None, "sample_weight", Verbatim("weights"), "None, because the loss is a mean over samples")
        self._check_labels(labels)
        count = ops.shape(samples)[0]
        times = keras.random.randint((count,), 0, self.steps, seed=self._seeds)
        noise = keras.random.normal(ops.shape(samples), seed=self._seeds)
        signal = ops.reshape(ops.take(self._signal, times), (-1,) + (1,) * (len(samples.shape) - 1))
        inputs = [ops.sqrt(signal) * ops.cast(samples, "float32") + ops.sqrt(1 - signal) * noise, times]
        if labels is not None:
            labels = ops.cast(labels, "int32")
            dropped = keras.random.uniform((count,), seed=self._seeds) < self.label_dropout
            inputs.append(ops.where(dropped, self.classes, labels) if training else labels)
        loss = ops.mean(ops.square(noise - ops.cast(self._chosen(training)(inputs, training=training), "float32")))
        self._mean.update_state(loss, sample_weight=count)
        return loss

    def check_data(self, x: TensorLike, y: TensorLike | None = None) -> None:
        """Raises an error if samples are not within the bounds, or labels are no classes."""
        super().check_data(x, y)
        self._check_labels(y)
        if y is not None:
            check_classes("y", y, ops.shape(x)[0], self.classes)

    def _chosen(self, training: bool) -> keras.Model:
        return self.network if training or self.averaged_network is None else self.averaged_network

    def _check_labels(self, labels: Tensor | None) -> None:
        expected = "the classes of the samples, because the network is conditional"
        check(labels is not None or self.classes is None, "labels", None, expected)
        check(labels is None or self.classes is not None, "labels", Verbatim("classes"), "None, without `classes`")

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the model."""
        names = ("noise", "steps", "classes", "label_dropout", "average", "clip", "seed")
        config = {name: getattr(self, name) for name in names}
        return {**super().get_config(), "network": keras.saving.serialize_keras_object(self.network), **config}

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Self:
        """Creates a model from its config."""
        return cls(**{**config, "network": keras.saving.deserialize_keras_object(config["network"], custom_objects)})


def signal_rates(noise: str, steps: int) -> np.ndarray:
    """Returns the rate a_t of the signal after each of the steps 1 to T."""
    if noise == "linear":
        # The paper's values are for 1000 steps. With fewer steps, each of them adds more noise.
        return np.cumprod(1 - np.minimum(np.linspace(1e-4, 0.02, steps) * 1000 / steps, 0.999))
    # Nichol and Dhariwal, equation 17, with the offset 0.008; β is at most 0.999, as in the paper.
    curve = np.cos((np.arange(steps + 1) / steps + 0.008) / 1.008 * np.pi / 2) ** 2
    return np.cumprod(np.maximum(curve[1:] / curve[:-1], 0.001))


def _check_network(network: Any, classes: int | None) -> None:
    """Raises an error if the network is no model, or its shapes do not match."""
    valid = isinstance(network, keras.Model) and bool(getattr(network, "inputs", None))
    check(valid, "network", network, "a keras.Model with defined inputs")
    expected = "2 inputs, samples and steps" if classes is None else "3 inputs, samples, steps and classes"
    received = Verbatim(f"{len(network.inputs)} inputs")
    check(len(network.inputs) == (2 if classes is None else 3), "network", received, expected)
    samples, received = network.inputs[0].shape, Verbatim(f"output {network.output_shape}")
    check(network.output_shape == samples, "network", received, f"the output {samples}, as the samples")
