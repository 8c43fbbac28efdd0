"""Principal component analysis in one pass: exact (Chan et al. 1983) or sketched (Tropp et al. 2017)."""

from wildsage.algorithms.pca.algorithm import PCA as ALGORITHM
from wildsage.algorithms.pca.conformance import CASE

__all__ = ["ALGORITHM", "CASE"]
