"""TFRecord files: lookup, reading, indexing, reordering, and resumption of interrupted writes."""
