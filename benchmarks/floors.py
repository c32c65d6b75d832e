"""The floors of coupling: engines in a ring that exchange arrays with nothing between them but a call, a socket or MPI.

``python -m benchmarks.floors zeromq JOB NUMBER`` is one process of the ring; ``mpirun -n N python -m benchmarks.floors mpi JOB``
is all of it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.engines import Exchanger, ExchangerParams
from benchmarks.launch import mpirun, python_each, shape_of

Array = NDArray[np.float64]
ZERO_COPY_FROM_BYTES = 65_536
"""Below, pyzmq is faster when it copies."""


def call_ring(count: int, windows: int, doubles: int, notes: Path) -> None:
    """All engines in this process, arrays passed by reference: the bare function calls."""
    engines = [_engine(number, count, windows, doubles, str(notes)) for number in range(count)]
    silence = np.zeros(tuple(shape_of(doubles)[key] for key in ("rows", "channels")))
    heard = [silence] * count
    for _ in range(windows):
        said = [engine.step(heard[number]) for number, engine in enumerate(engines)]
        heard = [said[number - 1] for number in range(count)]
    for engine in engines:
        engine.close()


def process_ring(kind: str, count: int, windows: int, doubles: int, notes: Path, work_ms: tuple[float, ...] = ()) -> None:
    """One engine a process, over bare pyzmq (``zeromq``) or bare mpi4py (``mpi``)."""
    job = notes / "floor.json"
    job.write_text(json.dumps({"count": count, "windows": windows, "doubles": doubles, "notes": str(notes), "work_ms": work_ms}))
    if kind == "zeromq":
        python_each(count, "benchmarks.floors", "zeromq", str(job))
    else:
        mpirun(count, "benchmarks.floors", "mpi", str(job))


def _engine(number: int, count: int, windows: int, doubles: int, notes: str, work_ms: float = 0.0) -> Exchanger:
    values: dict[str, Any] = {"number": number, "hears": (number - 1) % count, **shape_of(doubles)}
    return Exchanger(ExchangerParams(**values, windows=windows, notes=notes, work=work_ms))


def _run(job: dict[str, Any], number: int, exchange: Callable[[Array], Array], shape: tuple[int, int]) -> None:
    work_ms = job["work_ms"][number] if job["work_ms"] else 0.0
    engine = _engine(number, job["count"], job["windows"], job["doubles"], job["notes"], work_ms)
    heard = np.zeros(shape)
    for _ in range(job["windows"]):
        heard = exchange(engine.step(heard))
    engine.close()


def _zeromq(job: dict[str, Any], number: int, shape: tuple[int, int]) -> None:
    import zmq

    count, folder = job["count"], job["notes"]
    with zmq.Context() as context, context.socket(zmq.PULL) as inbox, context.socket(zmq.PUSH) as outbox:
        for socket in (inbox, outbox):
            socket.setsockopt(zmq.RCVHWM, 0)
            socket.setsockopt(zmq.SNDHWM, 0)
        inbox.bind(f"ipc://{folder}/{number}")
        outbox.connect(f"ipc://{folder}/{(number + 1) % count}")

        def exchange_copied(said: Array) -> Array:
            outbox.send(said.data)
            return np.frombuffer(inbox.recv()).reshape(shape)

        def exchange_uncopied(said: Array) -> Array:
            outbox.send(said.data, copy=False)
            return np.frombuffer(inbox.recv(copy=False).buffer).reshape(shape)

        _run(job, number, exchange_uncopied if 8 * shape[0] * shape[1] >= ZERO_COPY_FROM_BYTES else exchange_copied, shape)


def _mpi(job: dict[str, Any], shape: tuple[int, int]) -> None:
    from mpi4py import MPI

    comm = MPI.COMM_WORLD
    after, before = (comm.rank + 1) % comm.size, (comm.rank - 1) % comm.size
    heard = np.empty(shape)

    def exchange(said: Array) -> Array:
        comm.Sendrecv(said, after, 0, heard, before, 0)
        return heard

    comm.Barrier()
    _run(job, comm.rank, exchange, shape)


def main(kind: str, job_file: str, number: str = "") -> None:
    job = json.loads(Path(job_file).read_text())
    sizes = shape_of(job["doubles"])
    shape = (sizes["rows"], sizes["channels"])
    if kind == "zeromq":
        _zeromq(job, int(number), shape)
    else:
        _mpi(job, shape)


if __name__ == "__main__":
    main(*sys.argv[1:])
