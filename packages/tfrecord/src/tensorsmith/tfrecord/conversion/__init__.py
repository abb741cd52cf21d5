"""The parts of a conversion: pieces, the engines that write them, and the metadata beside the shards."""
