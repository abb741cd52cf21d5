"""Encoding rows in Arrow format as the columns of records."""
