"""Linear learner: many linear models trained side by side in one pass over the data, the best one kept.

References

- Kessy, Lewin & Strimmer (2018). Optimal whitening and decorrelation. The American Statistician 72(4).
  doi:10.1080/00031305.2016.1277159
- Kingma & Ba (2015). Adam: A method for stochastic optimization. ICLR. arXiv:1412.6980
- Sutskever, Martens, Dahl & Hinton (2013). On the importance of initialization and momentum in deep learning. ICML.
  https://proceedings.mlr.press/v28/sutskever13.html
- Tieleman & Hinton (2012). Lecture 6.5, RMSProp. https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf
"""
