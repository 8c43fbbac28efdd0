"""What one kind of resource is called: in the store and in ARNs, in AWS's fields, and in sentences."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """One kind of resource.

    `name` is the kind of its documents and the resource type in its ARNs, `stem` begins the names of its fields in AWS's
    model, and `noun` names it in sentences.
    """

    name: str
    stem: str
    noun: str

    @property
    def name_field(self) -> str:
        """AWS's field of the name, such as `TrainingJobName`."""
        return f"{self.stem}Name"

    @property
    def arn_field(self) -> str:
        """AWS's field of the ARN, such as `TrainingJobArn`."""
        return f"{self.stem}Arn"

    @property
    def status_field(self) -> str:
        """AWS's field of the status, such as `TrainingJobStatus`."""
        return f"{self.stem}Status"
