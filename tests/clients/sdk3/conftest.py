"""What the tests of SDK v3 share: a session, and rows in three far clusters."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sagemaker.core.helper.session_helper import Session

from tests import aws_models  # noqa: F401  every class of the SDK opens a session of its own


@pytest.fixture(scope="session")
def session() -> Session:
    """A session of SDK v3 with the local AWS."""
    return Session()


@pytest.fixture(scope="session")
def blobs_n3() -> NDArray[np.float32]:
    """300 rows of 3 columns; row i belongs to cluster i // 100."""
    rng = np.random.default_rng(0)
    return np.concatenate([rng.normal(size=(100, 3)) + 10 * center for center in range(3)]).astype(np.float32)


@pytest.fixture(scope="session")
def csv(session: Session, blobs_n3: NDArray) -> str:
    """Address of the rows as CSV."""
    s3 = session.boto_session.client("s3")
    text = "\n".join(",".join(f"{value:.4f}" for value in row) for row in blobs_n3)
    s3.put_object(Bucket=session.default_bucket(), Key="sdk3/train/rows.csv", Body=text.encode())
    return f"s3://{session.default_bucket()}/sdk3/train"
