"""What takes long to make, such as compiled mechanisms, is made once a machine and kept."""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path


def writable_cache() -> tuple[Path, bool]:
    """The user's cache, and True; where it cannot be written to, a folder that goes with this process, and False."""
    cache = _of_user()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=cache).close()
    except OSError:
        return _temporary(), False
    return cache, True


def made_once(kind: str, key: str, make: Callable[[Path], None]) -> Path:
    """The folder of that kind and key in the user's cache; ``make`` fills it where it is missing.

    It is filled beside the cache and moved there when whole, so that two processes may do it at once.
    """
    if (_of_user() / kind / key).is_dir():
        return _of_user() / kind / key
    cache = writable_cache()[0] / kind
    if not (cache / key).is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as made:
            make(Path(made))
            with contextlib.suppress(OSError):  # another process was first
                Path(made).rename(cache / key)
                Path(made).mkdir()  # for TemporaryDirectory to remove
    return cache / key


def _of_user() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cosim"


@functools.cache
def _temporary() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="cosim-cache-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
