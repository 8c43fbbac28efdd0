"""A job's hosts, or a model's servers, in the words of other launchers: Kubernetes, Kubeflow, Slurm, compose, torchrun.

Each module turns one description into the text of one launcher. Nothing is started here.
"""
