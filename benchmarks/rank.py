"""One process of a run that a benchmark starts from outside: ``[mpirun -n N] python -m benchmarks.rank JOB``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cosim
from benchmarks.memory import Sampler


def main(job_file: str) -> None:
    job = json.loads(Path(job_file).read_text())
    sampler = Sampler() if "memory" in job else None
    cosim.run(job["scenario"], out=job["out"], transport=job["transport"], processes=job.get("processes"))
    if sampler:
        sampler.write(Path(job["memory"]) / "launcher.npy")


if __name__ == "__main__":
    main(sys.argv[1])
