"""Optimizers with unchanged arguments."""

import tensorflow as tf
import tensorsmith.optimizers
from tensorsmith.optimizers import RectifiedAdam


def trained(optimizer):
    variable = tf.Variable([1.0, -2.0, 3.0], name="kernel")
    for step in range(10):
        optimizer.apply_gradients([(tf.constant([0.3, -0.1 * step, 0.2]), variable)])
    return variable


rate = 0.01
AdamW = tensorsmith.optimizers.extend_with_decoupled_weight_decay(tf.keras.optimizers.Adam)
optimizers = {
    "belief": tensorsmith.optimizers.AdaBelief(learning_rate=0.01, total_steps=8),
    "bets": tensorsmith.optimizers.COCOB(10.0, name="bets"),
    "ball": tensorsmith.optimizers.ConditionalGradient(0.9, 2.0, 1e-7, "nuclear"),
    "layers": tensorsmith.optimizers.AddonsLAMB(0.01, weight_decay=0.1, exclude_from_layer_adaptation=["kernel"]),
    "lazy": tensorsmith.optimizers.LazyAdam(rate, 0.8),
    "novel": tensorsmith.optimizers.NovoGrad(0.01, weight_decay=0.1, grad_averaging=True),
    "proximal": tensorsmith.optimizers.ProximalAdagrad(0.01, l1_regularization_strength=0.1),
    "rectified": RectifiedAdam(learning_rate=0.01),
    "decayed": tensorsmith.optimizers.SGDW(1e-2, 0.01, 0.9, True),
    "slow": tensorsmith.optimizers.Lookahead(tensorsmith.optimizers.SGDW(1e-2, 0.01), 3, slow_step_size=0.3),
    "moving": tensorsmith.optimizers.MovingAverage("sgd", 0.9, dynamic_decay=True),
    "averaged": tensorsmith.optimizers.SWA("sgd", start_averaging=1, average_period=2),
    "yogi": tensorsmith.optimizers.Yogi(0.01, 0.8, activation="tanh"),
}
results = {name: trained(optimizer) for name, optimizer in optimizers.items()}
