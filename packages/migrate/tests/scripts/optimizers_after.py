"""Optimizers with decay, wrapped and per layer."""

import tensorflow as tf
import tensorflow_addons as tfa
import tensorsmith.optimizers
from tensorsmith.optimizers import Lookahead

body, neck, head = (tf.keras.layers.Dense(3) for _ in range(3))
rate, decay = 2e-3, 1e-4
by_name = tensorsmith.optimizers.AddonsAdamW(learning_rate=rate, weight_decay=decay)
by_place = tensorsmith.optimizers.AddonsAdamW(1e-4, 1e-2, 0.8)
by_default = tensorsmith.optimizers.SGDW(weight_decay=1e-4, momentum=0.9, clipnorm=1.0)
scheduled = tensorsmith.optimizers.AddonsAdamW(lambda: decay, tf.keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9))
large = tensorsmith.optimizers.AddonsLAMB(1e-3, exclude_from_weight_decay=["bias"])
larger = tensorsmith.optimizers.AddonsLAMB(1e-3, weight_decay=0.01)
slow = Lookahead(tensorsmith.optimizers.AddonsAdamW(1e-4, rate), sync_period=5)
# tensorsmith migrate: optimizers.SWA: clipnorm is not supported: give it to the optimizer inside
clipped = tfa.optimizers.SWA("adam", clipnorm=1.0)
# tensorsmith migrate: optimizers.MultiOptimizer: all trainable variables need an optimizer now; Addons did not update variables without one
several = tensorsmith.optimizers.MultiOptimizer([(by_place, body), (large, [neck, head])])
choices = {"adamw": tensorsmith.optimizers.AddonsAdamW, "sgdw": tensorsmith.optimizers.SGDW, "lamb": tensorsmith.optimizers.AddonsLAMB}
chosen = isinstance(by_name, (tensorsmith.optimizers.AddonsAdamW, tensorsmith.optimizers.SGDW))
restored = tf.keras.optimizers.deserialize(tf.keras.optimizers.serialize(by_default), custom_objects={"SGDW": tensorsmith.optimizers.SGDW})
