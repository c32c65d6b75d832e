"""The recorder: streams into ``run.h5``, readable while it is written and after a crash.

It works in a thread of its own behind a bounded queue: whoever brings more than the disk takes has to wait. The layout is
DESIGN 10: ``/spikes/<engine>.<port>``, ``/samples/<engine>.<port>``, ``/links/<name>``, ``/engines/<engine>``, ``/provenance``.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.scenario.plan import Plan
from cosim.sdk import CosimError, Payload, Port, Samples, Spikes
from cosim.sdk.time import NS_PER_MS

CHUNK_BYTES = 1 << 20
CACHE_BYTES = 1 << 18
"""HDF5's own cache of each dataset: whole chunks go past it, and the running hashes would fill a larger one for ever."""
BATCH_BYTES, BATCH_PAYLOADS = 1 << 18, 512
"""A stream's payloads go to the thread in batches of this size, or when time has passed."""
FLUSH_EVERY_S, FLUSH_EVERY_BYTES = 1.0, 8 << 20
"""What has been flushed can be read, by others at once and by anybody after a crash."""
QUEUED_BYTES = 64 << 20
_PAYLOAD_OVERHEAD = 500
ABANDONED: list[Any] = []
"""Files that a full disk keeps from being closed: HDF5 would try again whenever their handles are let go."""


class _Column:
    """One dataset that grows by whole chunks, written past HDF5's own buffers; what does not fill a chunk waits in ours."""

    def __init__(self, group: Any, name: str, dtype: str, row: tuple[int, ...]) -> None:
        width = int(np.prod(row)) if row else 1
        rows = max(1, min(65_536, CHUNK_BYTES // (8 * width)))
        self._set = group.create_dataset(name, (0, *row), dtype, maxshape=(None, *row), chunks=(rows, *row))
        self._chunk = np.empty((rows, *row), dtype)
        self._start, self._filled, self._flushed = 0, 0, 0
        """The row where the chunk starts; how many of its rows are filled, and written already."""

    def extend(self, parts: list[NDArray[Any]]) -> None:
        """Add small arrays, as many at once as fit into the chunk."""
        i = 0
        while i < len(parts):
            j, filled = i, self._filled
            while j < len(parts) and filled + len(parts[j]) <= len(self._chunk):
                filled, j = filled + len(parts[j]), j + 1
            if j - i > 1 and filled < len(self._chunk):
                np.concatenate(parts[i:j], out=self._chunk[self._filled : filled])
                self._filled, i = filled, j
            else:
                self.append(parts[i])
                i += 1

    def append(self, rows: NDArray[Any]) -> None:
        """Add rows, and write every chunk that they fill."""
        taken = 0
        while taken < len(rows):
            count = min(len(self._chunk) - self._filled, len(rows) - taken)
            self._chunk[self._filled : self._filled + count] = rows[taken : taken + count]
            self._filled, taken = self._filled + count, taken + count
            if self._filled == len(self._chunk):
                self._set.resize(self._start + self._filled, axis=0)
                self._set.id.write_direct_chunk((self._start,) + (0,) * (self._chunk.ndim - 1), self._chunk)
                self._start, self._filled, self._flushed = self._start + self._filled, 0, 0

    def flush(self) -> None:
        """Make everything readable, a chunk that is not yet full included."""
        if self._filled > self._flushed:
            self._set.resize(self._start + self._filled, axis=0)
            self._set[self._start :] = self._chunk[: self._filled]
            self._flushed = self._filled
        self._set.flush()


class _Stream:
    """What one port, or one link, has said."""

    def __init__(self, group: Any, port: Port, dt_ns: int | None) -> None:
        self._is_samples = port.kind == "samples"
        if self._is_samples:
            self._columns = [_Column(group, "values", "f8", (len(port.space),))]
            group.attrs.update({"dt_ns": dt_ns or 0, "t0_ns": 0, "unit": port.unit, "quantity": port.quantity, "of": port.of})
        else:
            self._columns = [_Column(group, "timestamps", "f8", ()), _Column(group, "node_ids", "u8", ())]
            group["timestamps"].attrs["units"] = "milliseconds"
            group.attrs["sorting"] = "by_time"
        _write_space(group, port)

    def add(self, payloads: list[Payload]) -> None:
        if self._is_samples:
            self._columns[0].extend([payload.values for payload in payloads])  # type: ignore[union-attr]
        else:
            spikes = Spikes.join(payloads)  # type: ignore[arg-type]
            self._columns[0].append(spikes.times_ns / NS_PER_MS)
            self._columns[1].append(spikes.channels)

    def flush(self) -> None:
        for column in self._columns:
            column.flush()


class _Batch:
    """Payloads of one stream on their way to the thread."""

    __slots__ = ("bytes", "lane", "parts")

    def __init__(self, lane: int) -> None:
        self.lane, self.bytes = lane, 0
        self.parts: list[Payload] = []


class Recorder:
    """Writes one run's file.

    Parameters
    ----------
    path
        The file to make.
    provenance
        Attributes of ``/provenance``, known before the run starts.
    """

    def __init__(self, path: Path, plan: Plan, provenance: Mapping[str, Any]) -> None:
        import h5py

        self.path, self._plan = path, plan
        try:
            self._file = h5py.File(path, "w", libver="latest", rdcc_nbytes=CACHE_BYTES)
        except OSError as error:
            raise CosimError(f"{path} cannot be written", why=str(error), mend="choose another folder with --out") from None
        self._file.attrs["magic"], self._file.attrs["version"] = np.uint32(0x0A7A), np.array([0, 1], np.uint32)  # SONATA's
        self._streams: list[_Stream] = []
        for name in plan.streams:
            engine, port_name = name.split(".")
            port = plan.engines[engine].outputs[port_name]
            group = self._file.create_group(f"{'spikes' if port.kind == 'spikes' else 'samples'}/{name}")
            self._streams.append(_Stream(group, port, port.dt_ns))
        self._digests: dict[str, Any] = {}
        links = self._file.create_group("links")
        for link in plan.links.values():
            group = links.create_group(link.name)
            group.attrs["delay_ns"], group.attrs["interval_ns"] = link.delay_ns, link.interval_ns
            group.attrs["first_frame"] = link.flow.oldest_ns(0) // link.interval_ns
            group.attrs["from"], group.attrs["to"] = (
                f"{link.source}.{link.source_port.name}",
                f"{link.target}.{link.target_port.name}",
            )
            self._digests[link.name] = group.create_dataset("digests", (0,), "u8", maxshape=(None,), chunks=(4096,))
            # streams of links come after those of ports, one for every link, so that lanes are plain numbers
            port = link.fed_port
            if link.record:
                self._streams.append(_Stream(group, port, link.carried.dt_ns))
                if port.kind == "samples":
                    group.attrs["t0_ns"] = group.attrs["first_frame"] * link.interval_ns
            else:
                self._streams.append(None)  # type: ignore[arg-type]
        group = self._file.create_group("provenance")
        for key, value in provenance.items():
            group.attrs[key] = value
        self._file.swmr_mode = True
        self._failure: BaseException | None = None
        self._queue: queue.Queue[_Batch | dict[str, list[int]] | None] = queue.Queue()
        self._gathering = [_Batch(lane) for lane in range(len(self._streams))]
        self._handed = time.monotonic()
        self._room = threading.Condition()
        self._queued_bytes = 0
        self._thread = threading.Thread(target=self._work, name="recorder", daemon=True)
        self._thread.start()

    # -- from the run ----------------------------------------------------------------------------------------------

    @property
    def failure(self) -> BaseException | None:
        """What stopped the writing, if anything did."""
        return self._failure

    @property
    def is_behind(self) -> bool:
        """Whether ``put`` might have to wait; never once the recorder has failed, for then it drops what comes."""
        return self._failure is None and self._queued_bytes >= QUEUED_BYTES

    def put(self, lane: int, payload: Payload) -> None:
        """Hand a payload over; waits while the disk is behind."""
        batch = self._gathering[lane]
        batch.parts.append(payload)
        batch.bytes += _PAYLOAD_OVERHEAD + (payload.values.nbytes if isinstance(payload, Samples) else 16 * len(payload.times_ns))
        if batch.bytes >= BATCH_BYTES or len(batch.parts) >= BATCH_PAYLOADS:
            self._hand_over(lane)

    def tick(self) -> None:
        """To be called now and then: what has gathered for a second goes to the thread."""
        if time.monotonic() - self._handed >= FLUSH_EVERY_S:
            self._hand_all_over()

    def _hand_all_over(self) -> None:
        self._handed = time.monotonic()
        for lane, batch in enumerate(self._gathering):
            if batch.parts:
                self._hand_over(lane)

    def _hand_over(self, lane: int) -> None:
        batch, self._gathering[lane] = self._gathering[lane], _Batch(lane)
        if self._failure is not None:  # the coordinator looks for it and tells
            return
        with self._room:
            while self._queued_bytes >= QUEUED_BYTES and self._failure is None:
                self._room.wait(1.0)
            self._queued_bytes += batch.bytes
        self._queue.put(batch)

    def put_digests(self, digests: dict[str, list[int]]) -> None:
        self._queue.put(digests)

    def close(
        self,
        links: Mapping[str, Mapping[str, Any]],
        ending: Mapping[str, Any],
        kept: Mapping[str, Mapping[str, NDArray[Any]]] | None = None,
    ) -> None:
        """Write what is left, then what is known only at the end: hashes, counts, wall times, the outcome, what engines keep."""
        import h5py

        if self._failure is None:
            self._hand_all_over()
        self._queue.put(None)
        self._thread.join()
        if self._failure is None:
            try:
                self._file.close()
            except (OSError, RuntimeError, ValueError) as error:  # the disk is full: it shows when HDF5 flushes
                self._failure = error
        if self._failure is not None:
            ABANDONED.append((self._file, self._streams, self._digests))
            return
        try:  # without a lock: somebody may be reading
            with h5py.File(self.path, "r+", libver="latest", locking=False) as file:
                for name, facts in links.items():
                    for key, value in facts.items():
                        file[f"links/{name}"].attrs[key] = value
                for engine, arrays in (kept or {}).items():
                    for name, array in arrays.items():
                        _write_kept(file.require_group(f"engines/{engine}"), name, array)
                for key, value in ending.items():
                    file["provenance"].attrs[key] = value
        except OSError as error:
            self._failure = error

    # -- the thread ------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        flushed, unflushed = time.monotonic(), 0
        while True:
            try:
                item = self._queue.get(timeout=FLUSH_EVERY_S)
            except queue.Empty:
                item = {}
            try:
                if self._failure is None:
                    self._write(item)
                    unflushed += item.bytes if isinstance(item, _Batch) else 0
                    if item is None or unflushed >= FLUSH_EVERY_BYTES or time.monotonic() - flushed >= FLUSH_EVERY_S:
                        self._flush()
                        flushed, unflushed = time.monotonic(), 0
            except Exception as error:  # kept, and raised in the run by the next put
                self._failure = error
            if isinstance(item, _Batch):
                with self._room:
                    self._queued_bytes -= item.bytes
                    self._room.notify_all()
            if item is None:
                return

    def _write(self, item: _Batch | dict[str, list[int]] | None) -> None:
        if isinstance(item, _Batch):
            self._streams[item.lane].add(item.parts)
        elif item:
            for name, digests in item.items():
                dataset = self._digests[name]
                dataset.resize(len(dataset) + len(digests), axis=0)
                dataset[-len(digests) :] = np.array(digests, np.uint64)

    def _flush(self) -> None:
        for stream in self._streams:
            if stream is not None:
                stream.flush()
        for dataset in self._digests.values():
            dataset.flush()


def _write_kept(group: Any, name: str, array: NDArray[Any]) -> None:
    import h5py

    if array.dtype.kind == "U":
        group.create_dataset(_quoted(name), data=array.astype(object), dtype=h5py.string_dtype())
    else:
        group.create_dataset(_quoted(name), data=array)


def _quoted(name: str) -> str:
    """HDF5 would make a folder of "L2/3": the name is quoted, and unquoted when it is read."""
    return name.replace("%", "%25").replace("/", "%2F")


def _write_space(group: Any, port: Port) -> None:
    import h5py

    space = port.space
    numbered = space.labels == tuple(map(str, range(len(space))))
    if not numbered:
        group.create_dataset("labels", data=np.array(space.labels, object), dtype=h5py.string_dtype())
    group.attrs["channels"] = len(space)
    if space.positions is not None:
        group.create_dataset("positions", data=space.positions).attrs["unit"] = "um"
    for name, rows in space.groups.items():
        group.create_dataset(f"groups/{_quoted(name)}", data=np.asarray(rows, np.int64))
