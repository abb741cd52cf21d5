"""Multi-label classification of chest X-rays with metrics of Addons."""

import tensorflow as tf
import tensorflow_addons as tfa
from tensorflow_addons.metrics import F1Score, FBetaScore, HammingLoss

NUM_CLASSES = 4


class LabelRecall(tf.keras.metrics.Metric):
    def __init__(self, name="label_recall", **kwargs):
        super().__init__(name=name, **kwargs)
        self.tp = self.add_weight("tp", initializer="zeros", aggregation=tf.VariableAggregation.SUM)
        self.positives = self.add_weight("positives", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true = tf.cast(y_true, tf.float32)
        self.tp.assign_add(tf.reduce_sum(y_true * tf.cast(y_pred > 0.5, tf.float32)))
        self.positives.assign_add(tf.reduce_sum(y_true))

    def result(self):
        return tf.math.divide_no_nan(self.tp, self.positives)

    def reset_states(self):
        self.tp.assign(0.0)
        self.positives.assign(0.0)


metrics = [
    F1Score(num_classes=NUM_CLASSES, average="macro", threshold=0.5),
    FBetaScore(NUM_CLASSES, "micro", 2.0, 0.4, name="f2"),
    HammingLoss(mode="multilabel", threshold=0.5),
    tfa.metrics.MultiLabelConfusionMatrix(num_classes=NUM_CLASSES),
    LabelRecall(),
]
model = tf.keras.Sequential([tf.keras.Input((6,)), tf.keras.layers.Dense(NUM_CLASSES, activation="sigmoid")])
x = tf.random.normal((16, 6))
y = tf.cast(tf.random.uniform((16, NUM_CLASSES)) > 0.5, tf.float32)
model.compile(tfa.optimizers.NovoGrad(lr=0.001), "binary_crossentropy", metrics[:3] + metrics[4:])
history = model.fit(x, y, batch_size=16, verbose=0)
matrix = metrics[3]
matrix.update_state(tf.cast(y, tf.int32), tf.cast(model.predict(x, verbose=0) > 0.5, tf.int32))
matrix.reset_states()
result = history.history["loss"][0]
