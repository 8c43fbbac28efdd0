"""XGBoost: gradient boosted trees.

References

- Chen & Guestrin (2016). XGBoost: a scalable tree boosting system. KDD. doi:10.1145/2939672.2939785
"""
