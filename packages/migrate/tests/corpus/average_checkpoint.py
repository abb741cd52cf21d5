"""Moving averages of weights with checkpoints."""

import tempfile

import tensorflow as tf
import tensorflow_addons as tfa

checkpoint_path = tempfile.mkdtemp() + "/cp-{epoch:04d}.weights.h5"
(x_train, y_train) = tf.random.uniform((16, 8, 8)), tf.range(16) % 4


def create_model(opt):
    model = tf.keras.models.Sequential(
        [
            tf.keras.layers.Flatten(input_shape=(8, 8)),
            tf.keras.layers.Dense(16, activation="relu"),
            tf.keras.layers.Dense(4, activation="softmax"),
        ]
    )
    model.compile(optimizer=opt, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


sgd = tf.keras.optimizers.SGD(0.01)
moving_avg_sgd = tfa.optimizers.MovingAverage(sgd)
stocastic_avg_sgd = tfa.optimizers.SWA(sgd.from_config(sgd.get_config()))
avg_callback = tfa.callbacks.AverageModelCheckpoint(
    filepath=checkpoint_path, update_weights=True, save_weights_only=True
)
result = 0.0
for optimizer in (moving_avg_sgd, stocastic_avg_sgd):
    model = create_model(optimizer)
    history = model.fit(x_train, y_train, batch_size=16, epochs=1, callbacks=[avg_callback], verbose=0)
    loss, accuracy = model.evaluate(x_train, y_train, batch_size=16, verbose=0, workers=1)
    result += loss
