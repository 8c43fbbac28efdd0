"""What turns an algorithm into a SageMaker image: `python -m containers train|serve`."""

import os

# Read by OpenMP when the array engine is imported. Threads that spin while they wait for one another take the cores from
# whoever shares them: 24 jobs, two at a time on two cores, took 78 to 88 s with spinning and 7 to 9 s without. Alone, one k-means
# on covtype (k=7) was slower without, 0.17 to 0.24 s against 0.13 to 0.20 s; on larger problems the difference was within noise.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
