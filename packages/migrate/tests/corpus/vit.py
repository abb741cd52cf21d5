"""Vision transformer on patches, with data augmentation and AdamW."""

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers
import tensorflow_addons as tfa

learning_rate, weight_decay = 0.001, 0.0001
image_size, patch_size, projection_dim = 16, 4, 8
num_patches = (image_size // patch_size) ** 2

data_augmentation = keras.Sequential(
    [
        layers.experimental.preprocessing.Normalization(),
        layers.experimental.preprocessing.Resizing(image_size, image_size),
        layers.experimental.preprocessing.RandomFlip("horizontal"),
        layers.experimental.preprocessing.RandomRotation(factor=0.02),
    ],
    name="data_augmentation",
)


class Patches(layers.Layer):
    def __init__(self, patch_size):
        super(Patches, self).__init__()
        self.patch_size = patch_size

    def call(self, images):
        batch_size = tf.shape(images)[0]
        size = [1, self.patch_size, self.patch_size, 1]
        patches = tf.image.extract_patches(images=images, sizes=size, strides=size, rates=[1, 1, 1, 1], padding="VALID")
        return tf.reshape(patches, [batch_size, num_patches, patches.shape[-1]])


class PatchEncoder(layers.Layer):
    def __init__(self, num_patches, projection_dim):
        super(PatchEncoder, self).__init__()
        self.num_patches = num_patches
        self.projection = layers.Dense(units=projection_dim)
        self.position_embedding = layers.Embedding(input_dim=num_patches, output_dim=projection_dim)

    def call(self, patch):
        positions = tf.range(start=0, limit=self.num_patches, delta=1)
        return self.projection(patch) + self.position_embedding(positions)


def mlp(x, hidden_units, dropout_rate):
    for units in hidden_units:
        x = layers.Dropout(dropout_rate)(layers.Dense(units, activation=tf.nn.gelu)(x))
    return x


x_train = np.random.rand(8, 12, 12, 3).astype("float32")
data_augmentation.layers[0].adapt(x_train)
inputs = layers.Input(shape=(12, 12, 3))
encoded = PatchEncoder(num_patches, projection_dim)(Patches(patch_size)(data_augmentation(inputs)))
x1 = layers.LayerNormalization(epsilon=1e-6)(encoded)
x2 = layers.Add()([layers.MultiHeadAttention(num_heads=2, key_dim=projection_dim, dropout=0.1)(x1, x1), encoded])
x3 = mlp(layers.LayerNormalization(epsilon=1e-6)(x2), [16, projection_dim], 0.1)
model = keras.Model(inputs=inputs, outputs=layers.Dense(3)(layers.Flatten()(layers.Add()([x3, x2]))))
model.compile(
    optimizer=tfa.optimizers.AdamW(learning_rate=learning_rate, weight_decay=weight_decay),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=[keras.metrics.SparseTopKCategoricalAccuracy(2, name="top-2-accuracy")],
)
history = model.fit(x_train, np.arange(8) % 3, batch_size=8, epochs=1, validation_split=0.25, verbose=0)
result = history.history["val_loss"][0]
