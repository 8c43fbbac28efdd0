"""The variable with which `wildsage serve` asks a serving container for a page at `/`. SageMaker sets no such variable."""

NAME = "WILDSAGE_FORM"
"""Its value is the heading of the page: the name of the model."""
