"""Keras model that trains and decodes a conditional random field (CRF) on the outputs of another model."""

from typing import Any

import keras
import tensorflow as tf

from tensorsmith.core import check, export
from tensorsmith.core.types import Initializer, Shape, Tensor, TensorLike
from tensorsmith.layers import CRF
from tensorsmith.text.crf_log_likelihood import crf_log_likelihood

Internals = tuple[Tensor, Tensor, Tensor]  # potentials, sequence lengths and transition scores


@export
class CRFModelWrapper(keras.Model):
    """Model that adds a conditional random field (CRF) to a sequence model, for sequence tagging.

    `fit` trains both with the CRF loss; compile the model without another loss. Metrics compare the true tags with the
    decoded tags. `predict` and calls return the decoded tags. The logs contain `crf_loss`, and `loss`, which also
    contains the regularization losses; both are means over the epoch.

    Formula, with the likelihood of the layer `tensorsmith.layers.CRF`:

        crf_loss = -mean(sample_weight * log p(tags))

    To change how data are unpacked, how the loss is computed or which outputs of the inner model are used, override
    `unpack_training_data`, `compute_crf_loss` or `call`, as in TensorFlow Addons.

    Source: Huang et al., "Bidirectional LSTM-CRF Models for Sequence Tagging", 2015.

    Args:
        base_model: Model with outputs of shape `(batch, steps, features)`. Its mask determines the lengths of the
            sequences.
        units: Positive integer, the number of tags.
        chain_initializer: Initializer for the transition matrix.
        use_boundary: If `True`, use learned scores for the first and the last tag of each sequence.
        boundary_initializer: Initializer for the boundary scores.
        use_kernel: If `True`, apply a dense layer to the outputs of the model. Otherwise, they are used as tag scores.
        name: Name of the model.
        **kwargs: Further arguments of `tensorsmith.layers.CRF`, such as `chain_regularizer` and `dtype`.

    Call arguments:
        inputs: Inputs of the model.
        training: If `True`, the model is called in training mode.
        mask: Mask that is passed to the model.
        return_crf_internal: If `True`, return the pair of a tuple (tag scores, sequence lengths, transition scores) and
            the decoded tags.

    Input shape:
        That of the inner model.

    Output shape:
        `(batch, steps)`: integers, which are 0 after the end of a sequence.

    Raises:
        ValueError: If `base_model` is not a Keras model, or an argument of the layer is invalid.

    Example:
        >>> import keras, numpy as np
        >>> words = keras.Input((None,), dtype="int32")
        >>> features = keras.Model(words, keras.layers.Embedding(50, 8, mask_zero=True)(words))
        >>> model = CRFModelWrapper(features, units=5)
        >>> model.compile("adam", metrics=[keras.metrics.Accuracy()])
        >>> x, y = np.array([[7, 3, 9], [4, 2, 0]]), np.array([[1, 0, 4], [1, 2, 0]])
        >>> history = model.fit(x, y, verbose=0)
        >>> sorted(history.history)
        ['accuracy', 'crf_loss', 'loss']
        >>> model.predict(x, verbose=0).shape
        (2, 3)
    """

    def __init__(
        self,
        base_model: keras.Model,
        units: int,
        chain_initializer: Initializer = "orthogonal",
        use_boundary: bool = True,
        boundary_initializer: Initializer = "zeros",
        use_kernel: bool = True,
        *,
        name: str | None = None,
        **kwargs: Any,
    ):
        check(isinstance(base_model, keras.Model), "base_model", base_model, "a Keras model")
        super().__init__(name=name)
        self.base_model = base_model
        self.crf_layer = CRF(units, chain_initializer, use_boundary, boundary_initializer, use_kernel, **kwargs)
        # Named as the tracker of Keras, whose value the logs would show otherwise.
        self.total_loss_tracker = keras.metrics.Mean("loss")
        self.crf_loss_tracker = keras.metrics.Mean("crf_loss")

    def build(self, input_shape: Shape) -> None:
        """Create the weights of the model and of the CRF layer."""
        if not self.base_model.built:
            self.base_model.build(input_shape)
        if not self.crf_layer.built:
            self.crf_layer.build(self.base_model.compute_output_shape(input_shape))

    def call(
        self,
        inputs: Tensor,
        training: bool | None = None,
        mask: Tensor | None = None,
        return_crf_internal: bool = False,
    ) -> Tensor | tuple[Internals, Tensor]:
        """Return the decoded tags."""
        features = self.base_model(inputs, training=training, mask=mask)
        tags, potentials, lengths, transitions = self.crf_layer(features)
        return ((potentials, lengths, transitions), tags) if return_crf_internal else tags

    def unpack_training_data(self, data: Any) -> tuple[Any, Tensor, Tensor | None]:
        """Return the inputs, the true tags and the sample weights (or `None`) of a batch."""
        return keras.utils.unpack_x_y_sample_weight(data)

    def compute_crf_loss(
        self,
        potentials: Tensor,
        sequence_length: Tensor,
        kernel: Tensor,
        y: TensorLike,
        sample_weight: TensorLike | None = None,
    ) -> tf.Tensor:
        """Return the CRF loss of a batch, which is 0 for an empty batch."""
        likelihood, _ = crf_log_likelihood(potentials, y, sequence_length, kernel)
        losses = -likelihood
        if sample_weight is not None:
            weights = tf.convert_to_tensor(sample_weight)
            column = weights.shape.rank == 2 and weights.shape[1] == 1
            check(column or weights.shape.rank in (None, 1), "sample_weight", weights.shape, "have shape (batch,)")
            losses *= tf.reshape(tf.cast(weights, losses.dtype), [-1])
        return tf.math.divide_no_nan(tf.reduce_sum(losses), tf.cast(tf.size(losses), losses.dtype))

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Train the model on a batch and returns its logs."""
        with tf.GradientTape() as tape:
            loss, logs = self._step(data, training=True)
            # The gradients of all replicas are added.
            loss = self.optimizer.scale_loss(loss / tf.distribute.get_strategy().num_replicas_in_sync)
        weights = [variable.value for variable in self.trainable_variables]
        gradients = tape.gradient(loss, weights)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        return logs

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Evaluate the model on a batch and returns its logs."""
        return self._step(data, training=False)[1]

    def _step(self, data: Any, training: bool) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """Return the loss of a batch, and the logs after the batch."""
        x, y, sample_weight = self.unpack_training_data(data)
        (potentials, lengths, transitions), tags, *_ = self(x, training=training, return_crf_internal=True)
        crf_loss = self.compute_crf_loss(potentials, lengths, transitions, y, sample_weight)
        loss = crf_loss + sum(tf.cast(each, crf_loss.dtype) for each in self.losses)
        size = tf.shape(tags)[0]
        self.total_loss_tracker.update_state(loss, sample_weight=size)
        self.crf_loss_tracker.update_state(crf_loss, sample_weight=size)
        return loss, self.compute_metrics(x, y, tags, sample_weight)

    def get_config(self) -> dict[str, Any]:
        """Return the config of the model: the inner model and the arguments of the CRF layer."""
        base_model = keras.saving.serialize_keras_object(self.base_model)
        return {**self.crf_layer.get_config(), "base_model": base_model, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> "CRFModelWrapper":
        """Return a model with the given config."""
        base_model = keras.saving.deserialize_keras_object(config["base_model"], custom_objects)
        return cls(**{**config, "base_model": base_model})
