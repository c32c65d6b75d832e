"""EDEN as a child process that is spoken to through pipes.

It computes one step after the other and waits where a reader has no frame for the next. What was written before it began to wait
can be read: its last writer says once a window that all is there.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import os
import select
import shlex
import shutil
import signal
import subprocess
import tempfile
import weakref
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from cosim.sdk import CosimError

_PIPE_BYTES = 1 << 20

# EDEN 0.2.3: the program in the wheel is linked statically with glibc 2.28, and loads the code that it has gcc compile. Had that
# code the system's libm behind it, the old loader would stumble over what it does not know (relocations of type RELR, which
# Linux distributions use since about 2022): a segmentation fault. So the code is linked with functions of our own, and no library.
_GCC = """#!/bin/sh
case " $* " in *" -shared "*) ;; *) exec {gcc} "$@" ;; esac
for word do shift; [ "$word" = -lm ] || set -- "$@" "$word"; done
exec {gcc} -U__FAST_MATH__ -nostdlib -Wl,--no-undefined -Wl,-z,nopack-relative-relocs "$@" {maths} -lgcc
"""  # without __FAST_MATH__ the headers offer no vector functions of a library


class Stream:
    """What EDEN has written to one of its writers, as far as it has been read."""

    def __init__(self, end: int) -> None:
        self.end, self._data = end, bytearray()

    def read(self) -> bool:
        """Take in all that is there; False where nothing will come any more."""
        with contextlib.suppress(BlockingIOError):
            while piece := os.read(self.end, _PIPE_BYTES):
                self._data += piece
                if len(piece) < _PIPE_BYTES:
                    return True
            return False
        return True

    def take(self) -> bytes:
        data, self._data = bytes(self._data), bytearray()
        return data


class Process:
    """One EDEN: first its pipes are made, then it is started with a model that names them.

    Attributes
    ----------
    beat
        How the model names the writer that says once a window that all is written.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="cosim-eden-"))
        self._ours, self._theirs = list[int](), list[int]()
        self._child = list[subprocess.Popen[bytes]]()
        self.close = weakref.finalize(self, _end, self._child, self._ours, self._theirs, self.folder)
        self._streams: list[Stream] = []
        self._beat, self.beat = self.writer()

    def reader(self) -> tuple[int, str]:
        """A pipe to EDEN: our end, and how the model names the other."""
        theirs, ours = os.pipe()
        return ours, self._kept(ours, theirs)

    def writer(self) -> tuple[Stream, str]:
        """A pipe from EDEN: what comes out of it, and how the model names the other end."""
        ours, theirs = os.pipe()
        self._streams.append(Stream(ours))
        return self._streams[-1], self._kept(ours, theirs)

    def _kept(self, ours: int, theirs: int) -> str:
        os.set_blocking(ours, False)
        self._ours.append(ours)
        self._theirs.append(theirs)
        with contextlib.suppress(OSError, AttributeError):  # a larger one saves EDEN some waiting
            fcntl.fcntl(ours, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        return f"file:///dev/fd/{theirs}"

    def start(self, program: Path, model: bytes, threads: int) -> None:
        """Run EDEN until it stands at time 0; a CosimError with its own words where it does not get there."""
        (self.folder / "model.nml").write_bytes(model)
        provide_gcc(self.folder)
        path = f"{self.folder}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        environment = {**os.environ, "PATH": path, "OMP_NUM_THREADS": str(threads), "OMP_SCHEDULE": "static"}
        with (self.folder / "log").open("wb") as log:
            self._child.append(
                subprocess.Popen(
                    [program, "nml", "model.nml", "gcc"],
                    cwd=self.folder, env=environment, pass_fds=self._theirs, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                )
            )  # fmt: skip
        while self._theirs:  # so that a pipe ends when EDEN does, and EDEN's writing ends when we do
            os.close(self._theirs.pop())
        self.exchange([])
        for stream in self._streams:
            stream.take()  # what is told of time 0 belongs to no window

    def exchange(self, frames: Sequence[tuple[int, bytes]]) -> None:
        """Give each reader its frames, and take in what EDEN writes until the window is done."""
        left = list(frames)
        while True:
            left = [(end, rest) for end, data in left if (rest := _written(end, data))]
            self._wait([end for end, _ in left])
            if not self._beat.read():
                raise self._ended()
            for stream in self._streams[1:]:
                stream.read()
            if b"\n" in self._beat.take():
                return

    def _wait(self, full: Sequence[int]) -> None:
        """Until EDEN is done or takes more of its input, or for 10 ms: then the other pipes need room, should they be full."""
        poll = select.poll()
        poll.register(self._beat.end, select.POLLIN)
        for end in full:
            poll.register(end, select.POLLOUT)
        poll.poll(10)

    def _ended(self) -> CosimError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child[0].wait(5)
        self._child[0].kill()
        code = self._child[0].wait()
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with code {code}"
        log = (self.folder / "log").read_text(errors="replace").splitlines()
        return CosimError(f"EDEN ended {how}", why="its last words:\n    " + "\n    ".join(filter(None, log[-12:])))


def _written(end: int, data: bytes) -> bytes:
    """What of ``data`` the pipe does not take yet."""
    try:
        return data[os.write(end, data) :]
    except BlockingIOError:
        return data
    except BrokenPipeError:
        return b""  # its end is seen where it is listened to


def _end(child: list[subprocess.Popen[bytes]], ours: list[int], theirs: list[int], folder: Path) -> None:
    for process in child:
        process.kill()
        process.wait()
    for end in (*ours, *theirs):
        os.close(end)
    shutil.rmtree(folder, ignore_errors=True)


def find_program(say_missing: Callable[[], object]) -> Path:
    """EDEN's program, found without importing the package: EDEN 0.2.3 imports pkg_resources, which newer setuptools do not have."""
    spec = importlib.util.find_spec("eden_simulator")
    if spec is None:
        say_missing()
    assert spec is not None
    program = Path(next(iter(spec.submodule_search_locations or [""]))) / "data" / "bin" / "eden"
    if not program.is_file():
        raise CosimError("eden_simulator brings no program for this machine", why=f"looked for {program}", mend="a wheel for Linux")
    return program


def provide_gcc(folder: Path) -> None:
    """Put a ``gcc`` into a folder that links what EDEN generates with ``maths.c`` and nothing else."""
    gcc = shutil.which("gcc") or shutil.which("cc")
    if gcc is None:
        raise CosimError(
            "EDEN needs a C compiler, and there is no gcc on PATH",
            why="EDEN writes C for every model and has gcc compile it",
            mend="install one: apt-get install gcc libc6-dev",
        )
    maths = folder / "maths.o"
    maths.write_bytes(_compiled(gcc))
    script = folder / "gcc"
    script.write_text(_GCC.format(gcc=shlex.quote(gcc), maths=shlex.quote(str(maths))))
    script.chmod(0o700)


@cache
def _compiled(gcc: str) -> bytes:
    """``maths.c`` as an object file."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "maths.o"
        command = [gcc, "-std=c11", "-O3", "-fPIC", "-fno-builtin", "-c", Path(__file__).with_name("maths.c"), "-o", made]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        if answer.returncode:
            raise CosimError(f"{gcc} does not compile", why=answer.stderr.strip(), mend="apt-get install gcc libc6-dev")
        return made.read_bytes()
