"""Optimizers with decay, wrapped and per layer."""

import tensorflow as tf
import tensorflow_addons as tfa
from tensorflow_addons.optimizers import LAMB, Lookahead

body, neck, head = (tf.keras.layers.Dense(3) for _ in range(3))
rate, decay = 2e-3, 1e-4
by_name = tfa.optimizers.AdamW(learning_rate=rate, weight_decay=decay)
by_place = tfa.optimizers.AdamW(1e-4, 1e-2, 0.8)
by_default = tfa.optimizers.SGDW(weight_decay=1e-4, momentum=0.9, clipnorm=1.0)
scheduled = tfa.optimizers.AdamW(lambda: decay, tf.keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9))
large = LAMB(1e-3, exclude_from_weight_decay=["bias"])
larger = LAMB(1e-3, weight_decay=0.01)
slow = Lookahead(tfa.optimizers.AdamW(1e-4, rate), sync_period=5)
clipped = tfa.optimizers.SWA("adam", clipnorm=1.0)
several = tfa.optimizers.MultiOptimizer([(by_place, body), (large, [neck, head])])
choices = {"adamw": tfa.optimizers.AdamW, "sgdw": tfa.optimizers.SGDW, "lamb": LAMB}
chosen = isinstance(by_name, (tfa.optimizers.AdamW, tfa.optimizers.SGDW))
restored = tf.keras.optimizers.deserialize(tf.keras.optimizers.serialize(by_default), custom_objects={"SGDW": tfa.optimizers.SGDW})
