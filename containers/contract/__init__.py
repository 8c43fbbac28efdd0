"""The agreement between SageMaker and an image: folders, job description, exit status, archives. Imports no algorithm's arithmetic."""
