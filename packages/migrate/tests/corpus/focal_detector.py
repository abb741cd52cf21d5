"""Detector with the sigmoid focal loss inside a custom loss."""

import tensorflow as tf
import tensorflow_addons as tfa


class RetinaLoss(tf.losses.Loss):
    def __init__(self, num_classes=3, alpha=0.25, gamma=2.0, delta=1.0):
        super(RetinaLoss, self).__init__(reduction=tf.keras.losses.Reduction.AUTO, name="RetinaLoss")
        self._clf_loss = tfa.losses.SigmoidFocalCrossEntropy(
            from_logits=True, alpha=alpha, gamma=gamma, reduction=tf.keras.losses.Reduction.NONE
        )
        self._box_loss = tf.keras.losses.Huber(delta=delta, reduction=tf.losses.Reduction.NONE)
        self._num_classes = num_classes

    def call(self, y_true, y_pred):
        y_pred = tf.cast(y_pred, dtype=tf.float32)
        cls_labels = tf.one_hot(tf.cast(y_true[:, :, 4], dtype=tf.int32), depth=self._num_classes, dtype=tf.float32)
        positive = tf.cast(tf.greater(y_true[:, :, 4], -1.0), dtype=tf.float32)
        clf = self._clf_loss(cls_labels, y_pred[:, :, 4:])
        box = self._box_loss(y_true[:, :, :4], y_pred[:, :, :4]) * positive
        normalizer = tf.reduce_sum(positive, axis=-1) + 1.0
        return tf.math.divide_no_nan(tf.reduce_sum(clf + box, axis=-1), normalizer)


inputs = tf.keras.Input((16, 16, 3))
features = tf.keras.layers.Conv2D(8, 3, 2, "same", activation="relu")(inputs)
head = tf.keras.layers.Conv2D(7, 3, padding="same", bias_initializer=tf.constant_initializer(-4.0))(features)
model = tf.keras.Model(inputs, tf.keras.layers.Reshape((64, 7))(head))
model.compile(loss=RetinaLoss(), optimizer=tf.optimizers.SGD(learning_rate=1e-3, momentum=0.9))
labels = tf.concat(
    [tf.random.normal((2, 64, 4)), tf.cast(tf.random.uniform((2, 64, 1), -1, 3, tf.int32), tf.float32)], -1
)
result = model.fit(tf.random.uniform((2, 16, 16, 3)), labels, epochs=1, verbose=0).history["loss"][0]
