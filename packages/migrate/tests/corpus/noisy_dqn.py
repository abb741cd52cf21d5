"""Rainbow-like DQN with noisy layers."""

import numpy as np
import tensorflow as tf
import tensorflow_addons as tfa


class QNetwork(tf.keras.Model):
    def __init__(self, num_actions):
        super().__init__(name="q_network")
        self.body = tf.keras.layers.Dense(16, activation="relu")
        self.value = tfa.layers.NoisyDense(1)
        self.advantage = tfa.layers.NoisyDense(num_actions, sigma=0.4)

    def call(self, states):
        x = self.body(states)
        advantage = self.advantage(x)
        return self.value(x) + advantage - tf.reduce_mean(advantage, axis=1, keepdims=True)

    def reset_noise(self):
        self.value.reset_noise()
        self.advantage.reset_noise()


class Agent:
    def __init__(self, num_actions):
        self.model, self.target_model = QNetwork(num_actions), QNetwork(num_actions)
        self.optimizer = tf.keras.optimizers.Adam(lr=6.25e-5, epsilon=1.5e-4)
        self.loss_fn = tf.keras.losses.Huber(reduction=tf.keras.losses.Reduction.NONE)
        self.num_actions = num_actions

    def learn(self, states, actions, rewards, next_states, done):
        self.model.reset_noise()
        target = rewards + 0.99 * (1 - done) * tf.reduce_max(self.target_model(next_states), axis=1)
        with tf.GradientTape() as tape:
            q = tf.reduce_sum(self.model(states) * tf.one_hot(actions, self.num_actions), axis=1)
            loss = tf.reduce_mean(self.loss_fn(target[:, None], q[:, None]))
        grads = tape.gradient(loss, self.model.trainable_variables)
        self.optimizer.apply_gradients(zip(grads, self.model.trainable_variables))
        self.target_model.set_weights(self.model.get_weights())
        return loss


agent = Agent(3)
states = np.random.rand(8, 4).astype("float32")
agent.target_model(states), agent.model(states)
result = agent.learn(states, np.arange(8) % 3, np.ones(8, "float32"), states[::-1].copy(), np.zeros(8, "float32"))
