"""Encoding of Arrow rows as columns of records."""
