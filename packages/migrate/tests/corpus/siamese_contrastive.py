"""Siamese network with the contrastive loss."""

import numpy as np
import tensorflow as tf
import tensorflow_addons as tfa
from tensorflow.keras import backend as K
from tensorflow.keras.layers import Dense, Dropout, Input, Lambda
from tensorflow.keras.models import Model, Sequential
from tensorflow.keras.optimizers import RMSprop


def euclidean_distance(vects):
    x, y = vects
    return K.sqrt(K.maximum(K.sum(K.square(x - y), axis=1, keepdims=True), K.epsilon()))


base = Sequential([Input((10,)), Dense(16, activation="relu"), Dropout(0.1), Dense(8, activation="relu")])
left, right = Input(shape=(10,)), Input(shape=(10,))
distance = Lambda(euclidean_distance, output_shape=(1,))([base(left), base(right)])
siamese = Model([left, right], distance)
siamese.compile(loss=tfa.losses.ContrastiveLoss(margin=1.0), optimizer=RMSprop(lr=1e-3, decay=0.0))

pairs = np.random.rand(2, 16, 10).astype("float32")
y = np.random.randint(0, 2, (16, 1)).astype("float32")
history = siamese.fit([pairs[0], pairs[1]], y, batch_size=16, epochs=1, verbose=0)
print("[INFO] rate", K.eval(siamese.optimizer.lr), base.layers[0].output_shape)
result = history.history["loss"][0]
