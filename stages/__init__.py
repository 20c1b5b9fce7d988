"""The pipeline's stages, in order: generate, train, evaluate, plot."""
