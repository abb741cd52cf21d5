"""Components of a conversion: encoding of rows, conversion engines, and metadata files for TFDS."""
