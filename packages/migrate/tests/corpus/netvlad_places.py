"""Place recognition with NetVLAD pooling and adaptive pooling."""

import tensorflow as tf
from tensorflow.keras.layers import Conv2D, Dense, Input, Reshape
from tensorflow_addons.layers import AdaptiveAveragePooling2D, SpatialPyramidPooling2D
from tensorflow_addons.layers.netvlad import NetVLAD
from tensorflow_addons.optimizers import ConditionalGradient, ProximalAdagrad

image = Input(shape=(16, 16, 3))
features = Conv2D(8, 3, padding="same", activation="relu")(image)
pooled = AdaptiveAveragePooling2D((4, 4))(features)
vlad = NetVLAD(num_clusters=4)(Reshape((16, 8))(pooled))
pyramid = SpatialPyramidPooling2D([1, 2])(features)
joined = tf.keras.layers.concatenate([vlad, tf.keras.layers.Flatten()(pyramid)])
model = tf.keras.Model(image, Dense(3, activation="softmax")(joined))
images, places = tf.random.uniform((4, 16, 16, 3)), tf.constant([0, 1, 2, 0])
result = 0.0
for optimizer in (ProximalAdagrad(lr=0.01, l1_regularization_strength=1e-4), ConditionalGradient(0.99, 100.0)):
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy")
    result += model.fit(images, places, batch_size=4, verbose=0).history["loss"][0]
