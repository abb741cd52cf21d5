"""Segmentation of brain tumors (BraTS) with a 3D U-Net, instance normalization and Dice loss."""

import numpy as np
import tensorflow as tf
import tensorflow.keras.backend as K
import tensorflow_addons as tfa
from tensorflow.keras.layers import Activation, Conv3D, Input, MaxPooling3D, SpatialDropout3D, UpSampling3D, concatenate
from tensorflow.keras.models import Model

NUM_CLASSES = 3


def dice_coef(y_true, y_pred, smooth=1.0):
    y_true_f = K.flatten(y_true)
    y_pred_f = K.flatten(y_pred)
    intersection = K.sum(y_true_f * y_pred_f)
    return (2.0 * intersection + smooth) / (K.sum(y_true_f) + K.sum(y_pred_f) + smooth)


def dice_loss(y_true, y_pred):
    return 1 - dice_coef(y_true, y_pred)


def conv_block(x, filters, dropout=0.1):
    for _ in range(2):
        x = Conv3D(filters, (3, 3, 3), padding="same", kernel_initializer="he_uniform")(x)
        x = tfa.layers.InstanceNormalization(axis=-1, center=True, scale=True)(x)
        x = Activation("relu")(x)
    return SpatialDropout3D(dropout)(x)


inputs = Input((8, 8, 8, 2))
c1 = conv_block(inputs, 4)
c2 = conv_block(MaxPooling3D((2, 2, 2))(c1), 8)
u1 = concatenate([UpSampling3D((2, 2, 2))(c2), c1])
outputs = Conv3D(NUM_CLASSES, (1, 1, 1), activation="softmax")(conv_block(u1, 4))
model = Model(inputs, outputs, name="unet3d")

optimizer = tfa.optimizers.AdamW(learning_rate=1e-3, weight_decay=1e-5)
model.compile(
    optimizer=optimizer,
    loss=dice_loss,
    metrics=["accuracy", dice_coef, tf.keras.metrics.MeanIoU(num_classes=NUM_CLASSES)],
)


def generator():
    while True:
        labels = np.random.randint(0, NUM_CLASSES, (1, 8, 8, 8))
        yield np.random.rand(1, 8, 8, 8, 2).astype("float32"), np.eye(NUM_CLASSES, dtype="float32")[labels]


history = model.fit_generator(generator(), steps_per_epoch=1, epochs=1, verbose=0, workers=1)
result = history.history["loss"][0]
