"""Train every replicate of one model."""
