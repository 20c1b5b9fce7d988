"""The exact trainer: the same bytes on every CPU."""
