"""Turn losses and weights into the numbers that are reviewed."""
