"""Grid search over the weight decay of a classifier."""

import numpy as np
import tensorflow as tf
import tensorflow_addons as tfa
from sklearn.model_selection import GridSearchCV
from tensorflow.keras.wrappers.scikit_learn import KerasClassifier


def create_model(weight_decay=1e-4, n_features=4):
    model = tf.keras.Sequential()
    model.add(tf.keras.Input(n_features))
    model.add(tf.keras.layers.Dense(8, activation=tfa.activations.mish))
    model.add(tf.keras.layers.Dense(1, activation="sigmoid"))
    model.compile(tfa.optimizers.AdamW(weight_decay), "binary_crossentropy", ["accuracy"])
    return model


X = np.random.RandomState(0).rand(30, 4)
y = (X.sum(axis=1) > 2).astype("int32")
search = GridSearchCV(KerasClassifier(create_model, epochs=1, verbose=0), {"weight_decay": [1e-4, 1e-3]}, cv=2)
result = search.fit(X, y).best_score_
