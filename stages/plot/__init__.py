"""Draw the figures and write the report."""
