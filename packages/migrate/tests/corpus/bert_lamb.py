"""Text classifier trained with LAMB, with a warm-up schedule and layer-wise exclusions."""

import tensorflow as tf
from tensorflow import keras
from tensorflow_addons.optimizers import LAMB


class TransformerBlock(keras.layers.Layer):
    def __init__(self, embed_dim, num_heads, ff_dim, rate=0.1):
        super(TransformerBlock, self).__init__()
        self.att = keras.layers.MultiHeadAttention(num_heads=num_heads, key_dim=embed_dim)
        self.ffn = keras.Sequential([keras.layers.Dense(ff_dim, activation="relu"), keras.layers.Dense(embed_dim)])
        self.layernorm1 = keras.layers.LayerNormalization(epsilon=1e-6)
        self.layernorm2 = keras.layers.LayerNormalization(epsilon=1e-6)
        self.dropout1 = keras.layers.Dropout(rate)
        self.dropout2 = keras.layers.Dropout(rate)

    def call(self, inputs, training):
        attn_output = self.dropout1(self.att(inputs, inputs), training)
        out1 = self.layernorm1(inputs + attn_output)
        ffn_output = self.dropout2(self.ffn(out1), training=training)
        return self.layernorm2(out1 + ffn_output)


class LinearWarmup(keras.optimizers.schedules.LearningRateSchedule):
    def __init__(self, peak, warmup, total):
        super(LinearWarmup, self).__init__()
        self.peak, self.warmup = peak, warmup
        self.decay = keras.optimizers.schedules.PolynomialDecay(peak, total, end_learning_rate=0.0)

    def __call__(self, step):
        step = tf.cast(step, tf.float32)
        return tf.where(step < self.warmup, self.peak * step / self.warmup, self.decay(step))


tokens = keras.layers.Input(shape=(7,), dtype=tf.int32)
x = TransformerBlock(8, 2, 16)(keras.layers.Embedding(50, 8)(tokens))
outputs = keras.layers.Dense(2, activation="softmax")(keras.layers.GlobalAveragePooling1D()(x))
model = keras.Model(tokens, outputs)
optimizer = LAMB(LinearWarmup(1e-3, 10, 100), weight_decay_rate=0.01, exclude_from_weight_decay=["LayerNorm", "bias"])
model.compile(optimizer, "sparse_categorical_crossentropy", ["accuracy"])
result = model.fit(tf.random.uniform((4, 7), 0, 50, tf.int32), tf.constant([0, 1, 1, 0]), verbose=0).history["loss"][0]
