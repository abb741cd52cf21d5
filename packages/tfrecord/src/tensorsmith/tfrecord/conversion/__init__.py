"""The parts of a conversion: pieces, engines that write them, and metadata for the shards."""
