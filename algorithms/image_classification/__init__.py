"""Image classification with residual networks: He et al., Deep Residual Learning (2015) and Identity Mappings (2016)."""

from wildsage.algorithms.image_classification.algorithm import ImageClassification as ALGORITHM
from wildsage.algorithms.image_classification.conformance import CASE

__all__ = ["ALGORITHM", "CASE"]
