"""Optimizers with unchanged arguments."""

import tensorflow as tf
import tensorflow_addons as tfa
from tensorflow_addons.optimizers import LAMB, RectifiedAdam


def trained(optimizer):
    variable = tf.Variable([1.0, -2.0, 3.0], name="kernel")
    for step in range(10):
        optimizer.apply_gradients([(tf.constant([0.3, -0.1 * step, 0.2]), variable)])
    return variable


rate = 0.01
AdamW = tfa.optimizers.extend_with_decoupled_weight_decay(tf.keras.optimizers.Adam)
optimizers = {
    "belief": tfa.optimizers.AdaBelief(lr=0.01, total_steps=8),
    "bets": tfa.optimizers.COCOB(10.0, True, "bets"),
    "ball": tfa.optimizers.ConditionalGradient(0.9, 2.0, 1e-7, "nuclear"),
    "layers": LAMB(0.01, weight_decay_rate=0.1, exclude_from_layer_adaptation=["kernel"]),
    "lazy": tfa.optimizers.LazyAdam(rate, 0.8),
    "novel": tfa.optimizers.NovoGrad(0.01, weight_decay=0.1, grad_averaging=True),
    "proximal": tfa.optimizers.ProximalAdagrad(0.01, l1_regularization_strength=0.1),
    "rectified": RectifiedAdam(lr=0.01),
    "decayed": tfa.optimizers.SGDW(1e-2, 0.01, 0.9, True),
    "slow": tfa.optimizers.Lookahead(tfa.optimizers.SGDW(1e-2, 0.01), 3, slow_step_size=0.3),
    "moving": tfa.optimizers.MovingAverage("sgd", 0.9, dynamic_decay=True),
    "averaged": tfa.optimizers.SWA("sgd", start_averaging=1, average_period=2),
    "yogi": tfa.optimizers.Yogi(0.01, 0.8, activation="tanh"),
}
results = {name: trained(optimizer) for name, optimizer in optimizers.items()}
