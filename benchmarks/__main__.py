"""Run some or all benchmarks one after the other: `python -m benchmarks [NAME …]`. Each writes its report."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from pathlib import Path

NOT_A_BENCHMARK = {
    "__main__",
    "container_clocks",
    "counted_host",
    "datasets",
    "job_plan",
    "job_runs",
    "nginx",
    "report",
}


def main(wanted: list[str]) -> int:
    """Run the wanted benchmarks, or all. Returns the exit status: 2 for an unknown name, else the worst one."""
    known = sorted({module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)])} - NOT_A_BENCHMARK)
    if unknown := set(wanted) - set(known):
        print(f"No benchmark {', '.join(sorted(unknown))}; there are {', '.join(known)}.", file=sys.stderr)
        return 2
    statuses = [subprocess.run([sys.executable, "-m", f"benchmarks.{name}"]).returncode for name in wanted or known]
    return max(statuses)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
