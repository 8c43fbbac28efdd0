"""The operations of the SageMaker runtime service: InvokeEndpoint and its variants."""
