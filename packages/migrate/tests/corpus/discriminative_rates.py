"""Transfer learning with one optimizer for the body and one for the head."""

import tensorflow as tf
import tensorflow_addons as tfa

base_model = tf.keras.Sequential(
    [
        tf.keras.Input((16, 16, 3)),
        tf.keras.layers.SeparableConv2D(8, 3, strides=2, activation="relu"),
        tf.keras.layers.GlobalAveragePooling2D(),
    ],
    name="base",
)
head = tf.keras.layers.Dense(3, name="head")
model = tf.keras.Sequential([base_model, head])
optimizers = [
    tf.keras.optimizers.Adam(learning_rate=1e-4),
    tf.keras.optimizers.Adam(learning_rate=1e-2),
]
optimizers_and_layers = [(optimizers[0], base_model), (optimizers[1], head)]
optimizer = tfa.optimizers.MultiOptimizer(optimizers_and_layers)
model.compile(
    optimizer=optimizer, loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"]
)
images, labels = tf.random.uniform((4, 16, 16, 3)), tf.constant([0, 1, 2, 0])
model.build((None, 16, 16, 3))
result = model.fit(images, labels, batch_size=4, verbose=0, max_queue_size=10).history["loss"][0]
