"""BlazingText: word vectors, and classification of texts.

References

- Bojanowski, Grave, Joulin & Mikolov (2017). Enriching word vectors with subword information. TACL. arXiv:1607.04606
- Finkelstein et al. (2002). Placing search in context: the concept revisited. ACM TOIS. doi:10.1145/503104.503110
- Gupta & Khare (2017). BlazingText: scaling and accelerating word2vec using multiple GPUs. MLHPC. doi:10.1145/3146347.3146354
- Ji, Satish, Li & Dubey (2016). Parallelizing word2vec in shared and distributed memory. arXiv:1604.04661
- Joulin, Grave, Bojanowski & Mikolov (2016). Bag of tricks for efficient text classification. arXiv:1607.01759
- Joulin, Grave, Bojanowski, Douze, Jégou & Mikolov (2016). FastText.zip: compressing text classification models. arXiv:1612.03651
- Mikolov, Sutskever, Chen, Corrado & Dean (2013). Distributed representations of words and phrases and their compositionality.
  NeurIPS. arXiv:1310.4546
"""
