"""What is run beside the pipeline: review, study, prove, and measurements of the exact trainer."""
