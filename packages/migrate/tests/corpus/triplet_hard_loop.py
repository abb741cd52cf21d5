"""Person re-identification: hard triplets and cross-entropy, with a schedule and SGDW."""

import tensorflow as tf
from tensorflow.keras.layers import BatchNormalization, Dense, GlobalAveragePooling2D, Conv2D
from tensorflow_addons.losses import TripletHardLoss
from tensorflow_addons.optimizers import SGDW

boundaries, values = [10, 20], [1e-2, 1e-3, 1e-4]
lr = tf.optimizers.schedules.PiecewiseConstantDecay(boundaries, values)


class ReID(tf.keras.Model):
    def __init__(self, num_classes):
        super().__init__()
        self.body = tf.keras.Sequential([Conv2D(8, 3, activation="relu"), GlobalAveragePooling2D()])
        self.bottleneck = BatchNormalization(center=False)
        self.classifier = Dense(num_classes, use_bias=False)

    def call(self, images, training=None):
        features = self.body(images, training=training)
        return features, self.classifier(self.bottleneck(features, training))


model = ReID(4)
triplet = TripletHardLoss(margin=0.3, soft=False, reduction=tf.keras.losses.Reduction.AUTO)
cross_entropy = tf.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="auto")
optimizer = SGDW(weight_decay=5e-4, learning_rate=lr, momentum=0.9, nesterov=True)


@tf.function
def train_step(images, ids):
    with tf.GradientTape() as tape:
        features, logits = model(images, training=True)
        loss = triplet(ids, features) + cross_entropy(ids, logits)
    grads = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables))
    return loss


result = train_step(tf.random.uniform((8, 12, 12, 3)), tf.constant([0, 0, 1, 1, 2, 2, 3, 3]))
