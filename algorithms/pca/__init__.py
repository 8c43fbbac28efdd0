"""Principal component analysis in one pass: exact (Chan et al. 1983) or sketched (Tropp et al. 2017)."""
