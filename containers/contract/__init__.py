"""The contract between SageMaker and an image: folders, job description, log, metrics, failures, archives."""
