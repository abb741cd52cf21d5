"""Registry of optimizers: classes as values of a dict, isinstance and custom_objects."""

import tempfile

import tensorflow as tf
import tensorflow_addons as tfa

OPTIMIZERS = {
    "adam": tf.keras.optimizers.legacy.Adam,
    "sgd": tf.keras.optimizers.experimental.SGD,
    "adamw": tfa.optimizers.AdamW,
    "sgdw": tfa.optimizers.SGDW,
    "lamb": tfa.optimizers.LAMB,
    "radam": tfa.optimizers.RectifiedAdam,
    "novograd": tfa.optimizers.NovoGrad,
    "yogi": tfa.optimizers.Yogi,
}
METRICS = {"r2": tfa.metrics.RSquare, "mae": tf.keras.metrics.MeanAbsoluteError}


def get_optimizer(config):
    cls = OPTIMIZERS[config["name"]]
    kwargs = {"learning_rate": config["lr"]}
    if issubclass(cls, (tfa.optimizers.AdamW, tfa.optimizers.SGDW)):
        kwargs["weight_decay"] = config["wd"]
    return cls(**kwargs)


losses = []
for name in OPTIMIZERS:
    model = tf.keras.Sequential([tf.keras.layers.Dense(4, activation="relu"), tf.keras.layers.Dense(1)])
    optimizer = get_optimizer({"name": name, "lr": 1e-3, "wd": 1e-4})
    model.compile(optimizer, "mse", [METRICS["r2"](), METRICS["mae"]()])
    losses.append(model.fit(tf.random.normal((8, 3)), tf.random.normal((8, 1)), verbose=0).history["loss"][0])
    if isinstance(optimizer, tfa.optimizers.AdamW):
        path = tempfile.mkdtemp() + "/model.h5"
        model.save(path)
        custom_objects = {"AdamW": tfa.optimizers.AdamW, "RSquare": tfa.metrics.RSquare}
        tf.keras.models.load_model(path, custom_objects=custom_objects, compile=False)
result = sum(losses)
