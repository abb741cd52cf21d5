"""Encoding of Arrow rows as columns of feature values."""
