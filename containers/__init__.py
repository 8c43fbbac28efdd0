"""What turns an algorithm into a SageMaker image: `python -m containers train|serve`."""
