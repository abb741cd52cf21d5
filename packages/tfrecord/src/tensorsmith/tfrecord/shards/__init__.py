"""TFRecord files: where they are, how they are read, indexed, written in another order, and resumed."""
