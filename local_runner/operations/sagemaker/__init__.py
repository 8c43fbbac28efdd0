"""The operations of the SageMaker service, one module a resource."""
