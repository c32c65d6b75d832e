"""``python -m tests.simulators.fmu_source muscle.fmu [2]`` writes the muscle as an FMU of FMI 3, or 2."""

import sys
from pathlib import Path

from tests.simulators.fmu_source import build

build(int(sys.argv[2]) if len(sys.argv) > 2 else 3, Path(sys.argv[1]))
