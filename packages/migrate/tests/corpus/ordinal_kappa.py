"""Grading of retinopathy: weighted kappa as loss and metric."""

import numpy as np
import tensorflow as tf
import tensorflow_addons as tfa
from tensorflow.keras.callbacks import EarlyStopping, ReduceLROnPlateau

x, grades = np.random.rand(16, 5).astype("float32"), np.eye(5, dtype="float32")[np.arange(16) % 5]
model = tf.keras.models.Sequential()
model.add(tf.keras.layers.Dense(8, input_dim=5, activation=tfa.activations.mish))
model.add(tf.keras.layers.Dense(5, activation="softmax"))
kappa = tfa.metrics.CohenKappa(num_classes=5, weightage="quadratic")
model.compile(
    optimizer=tf.keras.optimizers.Adam(lr=1e-3),
    loss=tfa.losses.WeightedKappaLoss(num_classes=5, weightage="quadratic"),
    metrics=[kappa, tfa.metrics.MatthewsCorrelationCoefficient(num_classes=5)],
)
callbacks = [
    EarlyStopping("val_cohen_kappa", patience=2, mode="max"),
    ReduceLROnPlateau(monitor="val_loss", factor=0.5),
]
history = model.fit(
    x,
    grades,
    validation_data=(x, grades),
    batch_size=16,
    callbacks=callbacks,
    verbose=0,
    workers=4,
    use_multiprocessing=True,
)
result = history.history["val_loss"][0]
