"""Principal component analysis in one pass, exact or from a sketch.

References

- Chan, Golub & LeVeque (1983). Algorithms for computing the sample variance. The American Statistician 37(3).
  doi:10.1080/00031305.1983.10483115
- Halko, Martinsson & Tropp (2011). Finding structure with randomness. SIAM Review 53(2). doi:10.1137/090771806
- Ross, Lim, Lin & Yang (2008). Incremental learning for robust visual tracking. International Journal of Computer Vision 77.
  doi:10.1007/s11263-007-0075-7
- Tropp, Yurtsever, Udell & Cevher (2017). Fixed-rank approximation of a positive-semidefinite matrix from streaming data. NIPS.
  arXiv:1706.05736
"""
