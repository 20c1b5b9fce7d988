"""The stages of the pipeline, generate, train, evaluate and plot, and what they share."""
