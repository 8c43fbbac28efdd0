"""Factorization machines for sparse rows.

References

- Kingma & Ba (2015). Adam: A method for stochastic optimization. ICLR. arXiv:1412.6980
- Rendle (2010). Factorization machines. ICDM. doi:10.1109/ICDM.2010.127
"""
