"""Training script of a project, which takes its imports from another module."""

from common_imports import *
from common_imports import F1Score as Score

inputs = layers.Input(shape=(8, 8, 1))
x = conv_block(inputs, 4)
x = layers.GlobalAveragePooling2D()(x)
x = tfa.layers.Maxout(4)(x)
model = tf.keras.Model(inputs, layers.Dense(NUM_CLASSES, activation="softmax")(x))
images_, labels = images(12)
targets = tf.one_hot(labels, NUM_CLASSES)
model.compile(
    optimizer=tfa.optimizers.Lookahead(tf.keras.optimizers.Adam(lr=1e-3)),
    loss=tfa.losses.SigmoidFocalCrossEntropy(reduction=tf.keras.losses.Reduction.SUM_OVER_BATCH_SIZE),
    metrics=[Score(num_classes=NUM_CLASSES, average="macro"), F1Score(NUM_CLASSES, average="micro", name="micro")],
)
history = model.fit(images_, targets, batch_size=12, epochs=1, verbose=0)
result = history.history["loss"][0]
