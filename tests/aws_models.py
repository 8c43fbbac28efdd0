"""Imported by interpreters whose forks are AWS clients: all sessions share what the first one reads of AWS's models.

The clients of one session share it anyway. SDK v2 opens several sessions in each program, and reads for a second.
"""

from __future__ import annotations

import functools

import boto3
import botocore.loaders
import botocore.session

SERVICES = (
    "iam",
    "logs",
    "s3",
    "sagemaker",
    "sagemaker-featurestore-runtime",
    "sagemaker-metrics",
    "sagemaker-runtime",
    "sts",
)

botocore.loaders.create_loader = functools.cache(botocore.loaders.create_loader)
botocore.session.create_loader = botocore.loaders.create_loader
session = boto3.Session("test", "test", region_name="us-east-1")
session.resource("s3")
for service in SERVICES:
    session.client(service)
