"""What turns an algorithm into a SageMaker image: `python -m wildsage.containers train|serve`."""

import os

# OpenMP reads this when torch is imported. Threads that spin while they wait take the cores from other processes: 24 jobs, two
# at a time on two cores, took 78 to 88 s with spinning and 7 to 9 s without. A single k-means job takes up to a sixth longer
# without spinning (MNIST, k=10: 0.41 s instead of 0.35 s).
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
