"""Optimizers with decay, wrapped and by layers."""

import tensorflow as tf
import tensorflow_addons as tfa
from tensorflow_addons.optimizers import LAMB, Lookahead
import keras
import tensorsmith.optimizers

rate, decay = 2e-3, 1e-4
# tensorsmith migrate: optimizers.AdamW: weight_decay is multiplied by the learning rate now, so it is divided by it: both change together
by_name = keras.optimizers.AdamW(learning_rate=rate, weight_decay=decay / rate)
# tensorsmith migrate: optimizers.AdamW: weight_decay is multiplied by the learning rate now, so it is divided by it: both change together
by_place = keras.optimizers.AdamW(weight_decay=1e-4 / 1e-2, learning_rate=1e-2, beta_1=0.8)
# tensorsmith migrate: optimizers.SGDW: weight_decay is multiplied by the learning rate now, so it is divided by it: both change together
by_default = keras.optimizers.SGD(weight_decay=1e-4 / 0.001, momentum=0.9, clipnorm=1.0, learning_rate=0.001)
# tensorsmith migrate: optimizers.AdamW: Keras multiplies weight_decay by the learning rate: both have to be numbers, or names of some
scheduled = tfa.optimizers.AdamW(lambda: decay, tf.keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9))
# tensorsmith migrate: optimizers.LAMB: there is no exclude_from_weight_decay: call exclude_from_weight_decay(var_names=...) of the new optimizer instead
large = LAMB(1e-3, exclude_from_weight_decay=["bias"])
# tensorsmith migrate: optimizers.LAMB: weight_decay is taken off before the update now, not part of what the trust ratio scales
larger = tensorsmith.optimizers.Lamb(1e-3, weight_decay=0.01, epsilon=1e-6)
# tensorsmith migrate: optimizers.AdamW: weight_decay is multiplied by the learning rate now, so it is divided by it: both change together
# tensorsmith migrate: optimizers.Lookahead: no successor yet; until then `import tensorsmith.addons` before `import tensorflow_addons` runs the old code
slow = Lookahead(keras.optimizers.AdamW(weight_decay=1e-4 / rate, learning_rate=rate), sync_period=5)
