"""Containers that run a script of the user's in place of an algorithm: training and serving, as Amazon's framework images do it.

Source: contract script-mode; aws/sagemaker-training-toolkit and aws/sagemaker-inference-toolkit.
"""
