"""Linear learner: many linear models trained side by side in one pass over the data, the best one kept.

References

- Hanley & McNeil (1982). The meaning and use of the area under a receiver operating characteristic (ROC) curve. Radiology 143(1).
  doi:10.1148/radiology.143.1.7063747
- Huber (1964). Robust estimation of a location parameter. The Annals of Mathematical Statistics 35(1).
  doi:10.1214/aoms/1177703732
- Jaakkola & Jordan (2000). Bayesian parameter estimation via variational methods. Statistics and Computing 10.
  doi:10.1023/A:1008932416310
- Kessy, Lewin & Strimmer (2018). Optimal whitening and decorrelation. The American Statistician 72(4).
  doi:10.1080/00031305.2016.1277159
- Kingma & Ba (2015). Adam: A method for stochastic optimization. ICLR. arXiv:1412.6980
- Madow (1949). On the theory of systematic sampling, II. The Annals of Mathematical Statistics 20(3). doi:10.1214/aoms/1177729988
- Nocedal & Wright (2006). Numerical optimization, second edition, chapter 7. Springer. doi:10.1007/978-0-387-40065-5
- Polyak & Juditsky (1992). Acceleration of stochastic approximation by averaging. SIAM Journal on Control and Optimization
  30(4). doi:10.1137/0330046
- van Rijsbergen (1979). Information retrieval, second edition, chapter 7. Butterworths. https://www.dcs.gla.ac.uk/Keith/Preface.html
- Roosta-Khorasani & Mahoney (2019). Sub-sampled Newton methods. Mathematical Programming 174.
  doi:10.1007/s10107-018-1346-5
- Sutskever, Martens, Dahl & Hinton (2013). On the importance of initialization and momentum in deep learning. ICML.
  https://proceedings.mlr.press/v28/sutskever13.html
- Tieleman & Hinton (2012). Lecture 6.5, RMSProp. https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf
"""
