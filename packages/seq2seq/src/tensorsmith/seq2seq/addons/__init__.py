"""Attention mechanisms, samplers and decoders of TensorFlow Addons. All names are public in `tensorsmith.seq2seq`."""
