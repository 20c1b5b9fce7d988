"""Compare runs of the pipeline: Markdown for a pull request, and a page to explore in a browser."""
