"""Fine-grained retrieval: lifted structured loss, weight decay only for kernels."""

import tensorflow as tf
import tensorflow_addons as tfa

strategy = tf.distribute.get_strategy()
with strategy.scope():
    inputs = tf.keras.Input(shape=(12,))
    x = tf.keras.layers.Dense(16, name="hidden")(inputs)
    x = tfa.layers.TLU(affine=True)(x)
    x = tfa.layers.FilterResponseNormalization()(tf.keras.layers.Reshape((2, 2, 4))(x))
    outputs = tf.keras.layers.Dense(6, name="embedding")(tf.keras.layers.Flatten()(x))
    model = tf.keras.Model(inputs, outputs)
    optimizer = tfa.optimizers.AdamW(1e-4, 1e-3, exclude_from_weight_decay=["bias", "tau"])
    loss_fn = tfa.losses.LiftedStructLoss(margin=1.0)
features, labels = tf.random.normal((8, 12)), tf.constant([0, 0, 1, 1, 2, 2, 3, 3])
with tf.GradientTape() as tape:
    loss = loss_fn(labels, model(features, training=True))
gradients = tape.gradient(loss, model.trainable_variables)
decayed = [v for v in model.trainable_variables if "kernel" in v.name]
optimizer.apply_gradients(zip(gradients, model.trainable_variables), decay_var_list=decayed)
result = loss
