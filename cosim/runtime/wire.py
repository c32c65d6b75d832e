"""What travels between processes: one header, and the arrays' own buffers. Never pickle.

A message is a header of 48 bytes and one or two arrays. Small ones travel in one piece, behind their header; large ones each in a
piece of their own, uncopied. Sizes are checked before anything is allocated.
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError, Payload, Samples, Spikes, Window

SPIKES, SAMPLES, CREDIT, CONTROL = 1, 2, 3, 4
"""Kinds of message. A credit's ``start_ns`` is the oldest source time still needed; a control message is JSON."""

_HEADER = struct.Struct("<4sBBHIqqQQ4x")
_MAGIC = b"csm1"
SIZE = _HEADER.size
WHOLE_BELOW = 32_768
"""Bytes of arrays up to which a message travels in one piece: below, a copy is cheaper than a second piece."""
MOST_BYTES = 2**40


class Header(NamedTuple):
    """What a message is: kind, whether its arrays come in pieces of their own, its lane (a link, a stream), span and shape."""

    kind: int
    in_pieces: bool
    lane: int
    start_ns: int
    stop_ns: int
    rows: int
    columns: int

    def total_bytes(self) -> int:
        """Of all arrays together."""
        if self.kind == SAMPLES:
            return 8 * self.rows * self.columns
        return 12 * self.rows if self.kind == SPIKES else self.rows if self.kind == CONTROL else 0

    def array_bytes(self) -> tuple[int, ...]:
        """Sizes of the arrays that belong to the message."""
        if self.kind == SPIKES:
            return (8 * self.rows, 4 * self.rows)
        if self.kind == SAMPLES:
            return (8 * self.rows * self.columns,)
        return (self.rows,) if self.kind == CONTROL else ()


def encode(lane: int, payload: Payload) -> list[Any]:
    """The pieces of a payload's message: one, or the header and the arrays."""
    window = payload.window
    arrays: tuple[Any, ...]
    if isinstance(payload, Samples):
        values = payload.values if payload.values.flags.c_contiguous else np.ascontiguousarray(payload.values)
        rows, columns = values.shape
        kind, arrays, size = SAMPLES, (values,), values.nbytes
    else:
        times, channels = np.ascontiguousarray(payload.times_ns), np.ascontiguousarray(payload.channels)
        kind, arrays, rows, columns, size = SPIKES, (times, channels), len(times), 1, 12 * len(times)
    in_pieces = size > WHOLE_BELOW
    header = _HEADER.pack(_MAGIC, kind, in_pieces, 0, lane, window[0], window[1], rows, columns)
    if in_pieces:
        return [header, *(array.reshape(-1).view(np.uint8) for array in arrays)]
    return [header + b"".join([array.tobytes() for array in arrays])]


def encode_credit(lane: int, oldest_ns: int) -> bytes:
    return _HEADER.pack(_MAGIC, CREDIT, 0, 0, lane, oldest_ns, 0, 0, 0)


def encode_array(array: NDArray[Any]) -> dict[str, Any]:
    """Numbers or text as part of a control message."""
    if array.dtype.kind == "U":
        return {"text": array.tolist()}
    data = array.astype(array.dtype.newbyteorder("<"))
    return {"dtype": data.dtype.str, "shape": data.shape, "base64": base64.b64encode(data.tobytes()).decode("ascii")}


def decode_array(content: dict[str, Any]) -> NDArray[Any]:
    """The array of ``encode_array``."""
    if "text" in content:
        return np.array(content["text"], np.str_)
    return np.frombuffer(base64.b64decode(content["base64"]), content["dtype"]).reshape(content["shape"])


def encode_control(content: dict[str, Any]) -> bytes:
    text = json.dumps(content).encode()
    return _HEADER.pack(_MAGIC, CONTROL, 0, 0, 0, 0, 0, len(text), 1) + text


def read_header(message: Any) -> Header:
    """The header of a message's first piece; a CosimError when it is none, or absurd."""
    if len(message) < SIZE:
        raise CosimError("a message is shorter than its header", why=f"{len(message)} bytes")
    magic, kind, in_pieces, _, lane, start, stop, rows, columns = _HEADER.unpack_from(message)
    if magic != _MAGIC or not SPIKES <= kind <= CONTROL:
        raise CosimError("a message is not from this version of cosim", why=f"it starts with {bytes(magic)!r}")
    header = Header(kind, bool(in_pieces), lane, start, stop, rows, columns)
    if rows * columns > MOST_BYTES // 8:
        raise CosimError("a message announces more than can be", why=f"{rows} by {columns} values")
    if not in_pieces and SIZE + header.total_bytes() != len(message):
        raise CosimError("a message has not the length that its header says", why=f"{len(message)} bytes")
    return header


def decode(header: Header, pieces: Sequence[Any]) -> Payload:
    """The payload of a message; arrays are views of the buffers that arrived."""
    window = Window(header.start_ns, header.stop_ns)
    if header.in_pieces:
        sizes = tuple(memoryview(piece).nbytes for piece in pieces[1:])
        if sizes != header.array_bytes():
            raise CosimError("the pieces of a message have not the sizes that its header says", why=f"{sizes} bytes")
        buffers, offsets = pieces[1:], (0, 0)
    else:
        buffers, offsets = (pieces[0], pieces[0]), (SIZE, SIZE + 8 * header.rows)
    if header.kind == SPIKES:
        times = np.frombuffer(buffers[0], np.int64, header.rows, offsets[0])
        return Spikes(window, times, np.frombuffer(buffers[1], np.int32, header.rows, offsets[1]))
    values = np.frombuffer(buffers[0], np.float64, header.rows * header.columns, offsets[0])
    return Samples(window, values.reshape(header.rows, header.columns))


def decode_control(message: Any) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(bytes(message[SIZE:]))
    return content
