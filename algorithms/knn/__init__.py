"""K-nearest neighbours over a sample, found by faiss.

References

- Achlioptas (2003). Database-friendly random projections: Johnson-Lindenstrauss with binary coins. Journal of Computer and
  System Sciences 66(4). doi:10.1016/S0022-0000(03)00025-4
- Ailon & Chazelle (2009). The fast Johnson-Lindenstrauss transform and approximate nearest neighbors. SIAM Journal on
  Computing 39(1). doi:10.1137/060673096
- Efraimidis & Spirakis (2006). Weighted random sampling with a reservoir. Information Processing Letters 97(5).
  doi:10.1016/j.ipl.2005.11.003
- Higham (2002). Accuracy and stability of numerical algorithms. SIAM. doi:10.1137/1.9780898718027
- Johnson, Douze & Jégou (2019). Billion-scale similarity search with GPUs. IEEE Transactions on Big Data.
  doi:10.1109/TBDATA.2019.2921572
- Tropp (2011). Improved analysis of the subsampled randomized Hadamard transform. Advances in Adaptive Data Analysis 3.
  doi:10.1142/S1793536911000787
"""

import logging

logging.getLogger("faiss").setLevel(
    logging.WARNING
)  # at INFO it says which of its builds fit the processor, and which do not
