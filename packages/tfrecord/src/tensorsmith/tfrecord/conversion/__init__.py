"""Components of a conversion: encoded chunks, conversion engines, and metadata of the shards."""
