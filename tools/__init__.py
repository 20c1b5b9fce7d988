"""What is run beside the pipeline: review, study, prove, and measurements of the exact trainer."""

import stages  # noqa: F401 - by which mistakes are told in a line
