"""Amazon SageMaker's built-in algorithms, open and on your own machine."""
