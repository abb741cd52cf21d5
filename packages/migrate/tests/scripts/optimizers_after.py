"""Optimizers with decay, wrapped and per layer."""

import tensorflow as tf
import tensorflow_addons as tfa
import keras
import tensorsmith.optimizers
from tensorsmith.optimizers import LAMB, Lookahead

body, neck, head = (tf.keras.layers.Dense(3) for _ in range(3))
rate, decay = 2e-3, 1e-4
# tensorsmith migrate: optimizers.AdamW: weight_decay is multiplied by the learning rate now, so it is divided by it: both change together
by_name = keras.optimizers.AdamW(learning_rate=rate, weight_decay=decay / rate)
# tensorsmith migrate: optimizers.AdamW: weight_decay is multiplied by the learning rate now, so it is divided by it: both change together
by_place = keras.optimizers.AdamW(weight_decay=1e-4 / 1e-2, learning_rate=1e-2, beta_1=0.8)
by_default = tensorsmith.optimizers.SGDW(weight_decay=1e-4, momentum=0.9, clipnorm=1.0)
# tensorsmith migrate: optimizers.AdamW: Keras multiplies weight_decay by the learning rate, so both must be numbers or variable names; tensorsmith.optimizers.extend_with_decoupled_weight_decay(keras.optimizers.Adam) takes them unchanged
scheduled = tfa.optimizers.AdamW(lambda: decay, tf.keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9))
large = LAMB(1e-3, exclude_from_weight_decay=["bias"])
larger = LAMB(1e-3, weight_decay=0.01)
# tensorsmith migrate: optimizers.AdamW: weight_decay is multiplied by the learning rate now, so it is divided by it: both change together
slow = Lookahead(keras.optimizers.AdamW(weight_decay=1e-4 / rate, learning_rate=rate), sync_period=5)
# tensorsmith migrate: optimizers.SWA: clipnorm is not supported: give it to the optimizer inside
clipped = tfa.optimizers.SWA("adam", clipnorm=1.0)
# tensorsmith migrate: optimizers.MultiOptimizer: all trainable variables need an optimizer now, where those without one stood still
several = tensorsmith.optimizers.MultiOptimizer([(by_place, body), (large, [neck, head])])
