"""Implementation of `Trainer.fit`: epochs of compiled training steps, callbacks and checkpoints."""
