"""K-means in one pass.

References

- Arthur & Vassilvitskii (2007). k-means++: The advantages of careful seeding. SODA. doi:10.5555/1283383.1283494
- Bachem, Lucic & Krause (2017). Practical coreset constructions for machine learning. arXiv:1703.06476
- Bachem, Lucic & Krause (2018). Scalable k-means clustering via lightweight coresets. KDD. doi:10.1145/3219819.3219973
- Cohen & Kaplan (2007). Summarizing data using bottom-k sketches. PODC. doi:10.1145/1281100.1281133
- Cohen, Elder, Musco, Musco & Persu (2015). Dimensionality reduction for k-means clustering and low rank approximation. STOC.
  doi:10.1145/2746539.2746569
- Efraimidis & Spirakis (2006). Weighted random sampling with a reservoir. Information Processing Letters 97(5).
  doi:10.1016/j.ipl.2005.11.003
- Fritzke (2020). The breathing k-means algorithm. arXiv:2006.15666
- Guha, Meyerson, Mishra, Motwani & O'Callaghan (2003). Clustering data streams: Theory and practice. IEEE TKDE 15(3).
  doi:10.1109/TKDE.2003.1198387
- Halko, Martinsson & Tropp (2011). Finding structure with randomness. SIAM Review 53(2). doi:10.1137/090771806
- Kanungo, Mount, Netanyahu, Piatko, Silverman & Wu (2004). A local search approximation algorithm for k-means clustering.
  Computational Geometry 28(2-3). doi:10.1016/j.comgeo.2004.03.003
- Lloyd (1982). Least squares quantization in PCM. IEEE Transactions on Information Theory 28(2). doi:10.1109/TIT.1982.1056489
- Meyerson (2001). Online facility location. FOCS. doi:10.1109/SFCS.2001.959917
- Sculley (2010). Web-scale k-means clustering. WWW. doi:10.1145/1772690.1772862
- Ward (1963). Hierarchical grouping to optimize an objective function. JASA 58(301). doi:10.1080/01621459.1963.10500845
"""
