"""The tensorsmith command."""
