"""K-means in one pass: Sculley (2010), Meyerson (2001), Guha et al. (2003), Arthur & Vassilvitskii (2007)."""

from wildsage.algorithms.kmeans.algorithm import KMeans as ALGORITHM
from wildsage.algorithms.kmeans.conformance import CASE

__all__ = ["ALGORITHM", "CASE"]
