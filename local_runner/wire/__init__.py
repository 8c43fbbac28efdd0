"""AWS's protocols, driven by botocore's own service models: parse, check, serialise."""
