"""Draw the sequences and their targets."""
