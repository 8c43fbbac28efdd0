"""What turns an algorithm into a SageMaker image: `python -m containers train|serve`."""

import os

# Read by OpenMP when the array engine is imported. Threads that spin while they wait for one another take the cores from
# whoever shares them: 24 jobs, two at a time on two cores, took 80 s with spinning and 7 s without; one alone loses nothing.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
