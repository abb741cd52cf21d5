"""Helper functions of the network builders."""
