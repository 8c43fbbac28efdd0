"""Image classification with residual networks.

References

- He, Zhang, Ren & Sun (2015). Deep residual learning for image recognition. arXiv:1512.03385
- He, Zhang, Ren & Sun (2015). Delving deep into rectifiers. ICCV. arXiv:1502.01852
- He, Zhang, Ren & Sun (2016). Identity mappings in deep residual networks. ECCV. arXiv:1603.05027
- Ioffe & Szegedy (2015). Batch normalization. ICML. arXiv:1502.03167
- Krizhevsky, Sutskever & Hinton (2012). ImageNet classification with deep convolutional neural networks. NIPS.
  doi:10.1145/3065386 (reprint of 2017)
"""
