"""The study behind the README's answer: a sweep of the step size, fresh seeds, other data sets."""
