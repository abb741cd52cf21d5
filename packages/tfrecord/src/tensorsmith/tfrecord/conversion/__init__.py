"""Components of a conversion: pieces, conversion engines, and metadata of the shards."""
