"""PCA against NumPy's singular values in float64."""

import numpy as np
import torch

from wildsage.algorithms.base.batch import Batch, MemoryStream
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.pca.algorithm import PCA


def fit(x: np.ndarray, run: RunContext | None = None, **settings):
    settings = {"mini_batch_size": 500, "num_components": x.shape[1], **settings}
    return PCA(feature_dim=x.shape[1], **settings).fit(
        {"train": MemoryStream(Batch(torch.from_numpy(x)))}, run or RunContext()
    )


def exact(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Singular values and right vectors of the centered rows, strongest first: float64 SVD, of R where X = QR."""
    centered = x.astype(np.float64) - x.astype(np.float64).mean(0)
    _, s, vt = np.linalg.svd(np.linalg.qr(centered, mode="r"))
    return s, vt


def compare(x: np.ndarray, vectors: int = 20) -> None:
    """Singular values down to 1e-4 of the largest within 1e-4; leading vectors within 1e-4 up to sign; never NaN."""
    model = fit(x)
    s, vt = exact(x)
    ours = model.s_c.flip(0).double().numpy()
    counted = s >= 1e-4 * s[0]
    assert np.isfinite(ours).all()
    assert np.allclose(ours[counted], s[counted], rtol=1e-4, atol=0)
    leading = model.v_dc.flip(1).double().numpy().T[counted][:vectors]
    theirs = vt[counted][:vectors]
    turned = leading * np.sign((leading * theirs).sum(1, keepdims=True))
    assert np.linalg.norm(turned - theirs, axis=1).max() < 1e-4
