"""XGBoost: gradient boosted trees.

References

- Chen & Guestrin (2016). XGBoost: a scalable tree boosting system. KDD. doi:10.1145/2939672.2939785
- Vinayak & Gilad-Bachrach (2015). DART: dropouts meet multiple additive regression trees. AISTATS. arXiv:1505.01866
"""
