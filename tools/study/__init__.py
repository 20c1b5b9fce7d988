"""The studies behind the README's answers: step sizes from one set of seeds, answers from another."""
