"""The pipeline's stages, generate, train, evaluate, plot; and what is run beside them, review and study."""
