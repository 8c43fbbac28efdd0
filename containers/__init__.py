"""What turns an algorithm into a SageMaker image: `python -m wildsage.containers train|serve`."""

import os

# Read by OpenMP when the array engine is imported. Threads that spin while they wait for one another take the cores from
# whoever shares them: 24 jobs, two at a time on two cores, took 78 to 88 s with spinning and 7 to 9 s without. Alone, one k-means
# takes up to a sixth longer without (MNIST, k=10: 0.41 s for 0.35 s).
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
