"""Matrix factorization with LazyAdam and learning rate control by a callback."""

import numpy as np
import tensorflow as tf
import tensorflow.keras.backend as K
from tensorflow_addons.optimizers import LazyAdam

n_users, n_items, dim = 50, 30, 4


class HalveRate(tf.keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        lr = float(K.get_value(self.model.optimizer.lr))
        K.set_value(self.model.optimizer.lr, lr * 0.5)


user = tf.keras.Input((1,), name="user")
item = tf.keras.Input((1,), name="item")
user_vec = tf.keras.layers.Flatten()(
    tf.keras.layers.Embedding(n_users, dim, input_length=1, embeddings_regularizer=tf.keras.regularizers.l2(1e-6))(user)
)
item_vec = tf.keras.layers.Flatten()(tf.keras.layers.Embedding(n_items, dim, input_length=1)(item))
score = tf.keras.layers.Dot(axes=1)([user_vec, item_vec])
model = tf.keras.Model([user, item], tf.keras.layers.Activation("sigmoid")(score))
model.compile(LazyAdam(lr=0.01), "binary_crossentropy", ["acc"])

users, items = np.random.randint(0, n_users, (16, 1)), np.random.randint(0, n_items, (16, 1))
clicks = np.random.randint(0, 2, (16, 1)).astype("float32")
history = model.fit(
    [users, items], clicks, batch_size=16, epochs=1, callbacks=[HalveRate()], verbose=0, use_multiprocessing=False
)
assert abs(float(K.get_value(model.optimizer.lr)) - 0.005) < 1e-6
result = history.history["loss"][0]
