"""``python -m benchmarks [--only NAME] [--quick] [--out FOLDER]``: measure, print a table, keep it as JSON.

No time is asserted: a row over its limit is printed as such. A wrong value ends the run.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.table import HEAD, Row, markdown

NAMES = (
    *("coupling", "ring", "overlap", "recording", "memory", "startup", "simulators", "whole_brain", "network", "compartments"),
    "reactions",
)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure cosim, each thing against its floor.")
    parser.add_argument("--only", action="append", choices=NAMES, help="one benchmark (may be given several times)")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions and windows")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("results"), help="folder for the JSON file")
    options = parser.parse_args(arguments)
    found: dict[str, Any] = {"started": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "quick": options.quick, "rows": []}
    found["machine"] = machine.describe()
    print(f"{machine.markdown(found['machine'])}\n\n{HEAD}", flush=True)
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / f"{time.strftime('%Y-%m-%d_%H-%M-%S')}.json"
    for name in options.only or NAMES:
        begin = time.perf_counter()
        rows: list[Row] = import_module(f"benchmarks.{name}").run(options.quick)
        found["rows"] += [{"benchmark": name, **row.as_dict()} for row in rows]
        found.setdefault("took_s", {})[name] = round(time.perf_counter() - begin, 1)
        print("\n".join(map(markdown, rows)), flush=True)
        path.write_text(json.dumps(found, indent=1))  # after each, so that what was measured is kept
    print(f"\n{path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
