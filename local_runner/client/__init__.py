"""What a client of the local AWS needs: environment variables, and notebooks that run against it."""
