"""A job whose hosts something other than SageMaker starts: torchrun, Kubernetes, Kubeflow, Ray, Slurm, or a shell.

What SageMaker prepares for a container is prepared here, in a folder of the host's own: where its hosts meet, its share of the
data, settings. The rest of the container sees the contract's folder and no launcher.
"""
