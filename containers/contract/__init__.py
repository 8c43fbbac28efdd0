"""The agreement between SageMaker and an image: folders, job description, exit status, metrics, archives."""
