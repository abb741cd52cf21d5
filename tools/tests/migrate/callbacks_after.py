"""Callbacks, none of which has a successor yet."""

import tensorflow as tf
import tensorflow_addons as tfa

model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
model.compile("sgd", "mse")
callbacks = [tf.keras.callbacks.TerminateOnNaN()]
# tensorsmith migrate: callbacks.TimeStopping: no successor yet; until then `import tensorsmith.addons` before `import tensorflow_addons` runs the old code
callbacks.append(tfa.callbacks.TimeStopping(seconds=60))
if tf.config.list_physical_devices("GPU"):
    # Nobody watches it elsewhere.
    # tensorsmith migrate: callbacks.TQDMProgressBar: no successor yet; until then `import tensorsmith.addons` before `import tensorflow_addons` runs the old code
    callbacks.append(tfa.callbacks.TQDMProgressBar())
# tensorsmith migrate: callbacks.AverageModelCheckpoint: no successor yet; until then keras.callbacks.SwapEMAWeights with an optimizer that has use_ema=True is nearest, or `import tensorsmith.addons` before `import tensorflow_addons` runs the old code
callbacks += [tfa.callbacks.AverageModelCheckpoint(True, "model.keras")]
