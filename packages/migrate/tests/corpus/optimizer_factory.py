"""Factory of optimizers with command line arguments, wrappers and schedules."""

import argparse

import tensorflow as tf
import tensorflow_addons as tfa
from tensorflow_addons.optimizers import SWA, Lookahead, MovingAverage, RectifiedAdam

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=1e-3)
parser.add_argument("--wd", type=float, default=1e-4)
parser.add_argument("--clip", type=float, default=1.0)
args = parser.parse_args([])


def build_optimizer(name):
    lr = tf.keras.experimental.CosineDecay(args.lr, 100)
    if name == "adamw":
        opt = tfa.optimizers.AdamW(weight_decay=args.wd, learning_rate=lr, clipnorm=args.clip)
    elif name == "sgd":
        opt = tf.keras.optimizers.SGD(lr, momentum=0.9, nesterov=True)
    elif name == "ranger":
        opt = Lookahead(RectifiedAdam(lr, min_lr=1e-6), sync_period=6, slow_step_size=0.5)
    elif name == "swa":
        opt = SWA(tf.keras.optimizers.legacy.Adam(lr=args.lr), start_averaging=1, average_period=2)
    elif name == "ema":
        opt = MovingAverage(tf.keras.optimizers.RMSprop(lr=args.lr), average_decay=0.99)
    elif name == "cocob":
        opt = tfa.optimizers.COCOB()
    else:
        raise ValueError(name)
    return opt


total = 0.0
for name in ["adamw", "sgd", "ranger", "swa", "ema", "cocob"]:
    model = tf.keras.Sequential([tf.keras.Input((4,)), tf.keras.layers.Dense(2)])
    model.compile(build_optimizer(name), "mse")
    total += model.train_on_batch(tf.ones((4, 4)), tf.zeros((4, 2)), reset_metrics=False)
result = total
