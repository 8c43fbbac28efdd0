"""XGBoost: gradient boosted trees.

References

- Barnwal, Cho & Hocking (2020). Survival regression with accelerated failure time model in XGBoost. arXiv:2006.04920
- Chen & Guestrin (2016). XGBoost: a scalable tree boosting system. KDD. doi:10.1145/2939672.2939785
- Clinger (1990). How to read floating point numbers accurately. PLDI. doi:10.1145/93542.93557
- Vinayak & Gilad-Bachrach (2015). DART: dropouts meet multiple additive regression trees. AISTATS. arXiv:1505.01866
"""
