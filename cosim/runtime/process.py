"""A worker process of a ZeroMQ run: ``python -m cosim.runtime.process JOB WORKER``, started by the launcher."""

from __future__ import annotations

import contextlib
import ctypes
import json
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from cosim.runtime.failures import describe_failure
from cosim.runtime.transports.zeromq import ZeroMQ
from cosim.runtime.worker import Stopped, Worker
from cosim.scenario.planner import make_plan
from cosim.scenario.schema import Scenario

_PR_SET_PDEATHSIG = 1
_STATUS_EVERY_S = 0.5


def main(job_file: str, number: int) -> int:
    """Join the run that ``job_file`` describes as worker ``number``."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the launcher, which stops its workers in order
    parent = os.getppid()
    _die_with_parent()
    job = json.loads(Path(job_file).read_text())
    transport = ZeroMQ(number, job["scheme"], Path(job["sockets"]), job["reports"], job["records"])
    logging.getLogger("cosim").addHandler(ReportingHandler(transport))
    logging.getLogger("cosim").setLevel(logging.INFO)
    try:
        scenario = Scenario.from_data(job["scenario"], job["folder"])
        plan = make_plan(scenario)
        if not transport.meet():
            raise Stopped
        worker = Worker(plan, number, job["homes"], transport)
        threading.Thread(target=_keep_telling, args=(worker, transport, parent), daemon=True).start()
        worker.run()
        if worker.doing == "done":
            transport.await_taken()
    except Stopped:
        return 1
    except Exception as error:  # whatever goes wrong before the worker runs is reported the same way
        transport.report({"failed": describe_failure(error)})
        return 1
    finally:
        transport.close()
    return 0 if worker.doing in ("done", "stopped") else 1


class ReportingHandler(logging.Handler):
    """Sends log records to the coordinator."""

    def __init__(self, transport: Any) -> None:
        super().__init__(logging.INFO)
        self._transport = transport

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()
        except (TypeError, ValueError):  # a slip in an engine's log call is no reason to stop a run
            text = f"{record.msg!r} {record.args!r}"
        name = record.name.removeprefix("cosim.engine.").removeprefix("cosim.")
        self._transport.report({"log": {"level": record.levelname, "text": f"{name}: {text}"}})


def _die_with_parent() -> None:
    """Have the kernel end this process when the launcher is gone, even inside a long call."""
    with contextlib.suppress(OSError, AttributeError):  # not Linux: the thread below notices
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _keep_telling(worker: Worker, transport: ZeroMQ, parent: int) -> None:
    """Tell where the worker stands while an engine computes long windows; leave when the launcher has gone."""
    while True:
        time.sleep(_STATUS_EVERY_S)
        if os.getppid() != parent:
            os._exit(1)
        if worker.doing in worker.plan.engines or worker.doing.startswith("building"):
            transport.report({"status": worker.status()})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
