"""Mixed precision with the old experimental interface."""

import tensorflow as tf
import tensorflow_addons as tfa
from tensorflow.keras.mixed_precision import experimental as mixed_precision

policy = mixed_precision.Policy("mixed_bfloat16")
mixed_precision.set_policy(policy)
inputs = tf.keras.Input((8, 8, 3))
x = tf.keras.layers.Conv2D(8, 3, padding="same")(inputs)
x = tf.keras.layers.experimental.SyncBatchNormalization()(x)
x = tf.keras.layers.ReLU()(x)
x = tf.keras.layers.GlobalAveragePooling2D()(x)
outputs = tf.keras.layers.Dense(2, dtype="float32", activation="softmax")(x)
model = tf.keras.Model(inputs, outputs)
model.compile(
    tfa.optimizers.AdamW(1e-5, 1e-3), tf.keras.losses.CategoricalCrossentropy(label_smoothing=0.1, reduction="auto")
)
labels = tf.one_hot([0, 1, 0, 1], 2)
result = model.fit(tf.random.uniform((4, 8, 8, 3)), labels, verbose=0).history["loss"][0]
mixed_precision.set_policy("float32")
