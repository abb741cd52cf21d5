"""Comparison of plain SGD with two kinds of averages, which share the optimizer."""

import tensorflow as tf
import tensorflow_addons as tfa

x, y = tf.random.uniform((32, 8, 8)), tf.range(32) % 4


def create_model(opt):
    model = tf.keras.models.Sequential(
        [
            tf.keras.layers.Flatten(),
            tf.keras.layers.Dense(16, activation="relu"),
            tf.keras.layers.Dense(4, activation="softmax"),
        ]
    )
    model.compile(optimizer=opt, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


sgd = tf.keras.optimizers.SGD(0.01)
moving_avg_sgd = tfa.optimizers.MovingAverage(sgd)
stocastic_avg_sgd = tfa.optimizers.SWA(sgd)
result = []
for opt in (sgd, moving_avg_sgd, stocastic_avg_sgd):
    model = create_model(opt)
    model.fit(x, y, batch_size=16, epochs=2, shuffle=False, verbose=0)
    if opt is not sgd:
        opt.assign_average_vars(model.variables)
    result.append(model.evaluate(x, y, verbose=0)[0])
