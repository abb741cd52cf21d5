"""Rows in Arrow's form, encoded as the columns of records."""
