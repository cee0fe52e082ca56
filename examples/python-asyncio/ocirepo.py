"""libocirepo as it is, through cffi in ABI mode: nothing is compiled, and what is declared is
read from the library's own header."""

import re
import subprocess
from pathlib import Path

from cffi import FFI


def declarations(header):
    """What cffi understands of the header: plain C, and macros that are numbers."""
    # Behind this are functions with bodies, of which there are better ones below.
    text = header.split("#ifndef OCIREPO_H_INLINE")[0]
    text = re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.DOTALL)
    lines, conditions = [], []
    for line in text.splitlines():
        match line.split():
            # Neither C++ nor C23 is asked for, and nothing was defined before.
            case ["#if" | "#ifdef", *_]:
                conditions.append(False)
            case ["#ifndef", *_]:
                conditions.append(True)
            case ["#else"]:
                conditions.append(not conditions.pop())
            case ["#endif"]:
                conditions.pop()
            case ["#include", *_] | ["#define", _]:
                pass
            case _ if all(conditions):
                lines.append(line)
    return "\n".join(lines)


def _header():
    command = ["pkg-config", "--variable=includedir", "ocirepo"]
    directory = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return (Path(directory.strip()) / "ocirepo.h").read_text()


ffi = FFI()
ffi.cdef(declarations(_header()))
lib = ffi.dlopen("libocirepo.so.0")

NOTHING = lib.OCIREPO_NOTHING
NO_TEXT = (ffi.NULL, 0)


class Error(Exception):
    """An operation failed: what kind of failure, for a program, and a message for people."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


def check(status, handle=ffi.NULL):
    """Refuses what is a mistake of ours; returns what is not."""
    if status < 0:
        why = string(lib.ocirepo_session_message(handle)) if handle else ""
        raise ValueError(f"libocirepo refused a call ({status}): {why}")
    return status


def new(struct, /, **fields):
    """A struct that says how large it is."""
    return ffi.new(f"{struct} *", {"size": ffi.sizeof(struct), **fields})


def text(value):
    """An ocirepo_str. Good while the tuple is held, as every pointer here."""
    raw = value.encode() if isinstance(value, str) else value
    return (ffi.from_buffer("char[]", raw), len(raw))


def data(value):
    """An ocirepo_bytes."""
    return (ffi.from_buffer("uint8_t[]", value), len(value))


def string(value):
    """The text of an ocirepo_str, empty where there is none."""
    return ffi.unpack(value.data, value.len).decode() if value.data else ""


def octets(value):
    """The bytes of an ocirepo_bytes or ocirepo_keep."""
    return bytes(ffi.buffer(value.data, value.len)) if value.len else b""


class Reference:
    """A place such as oci://registry.example/me/demo:el9."""

    def __init__(self, place):
        made, message = ffi.new("ocirepo_reference **"), ffi.new("char[200]")
        status = lib.ocirepo_reference_parse(text(place), made, message, len(message))
        if status != lib.OCIREPO_STATUS_OK:
            raise ValueError(ffi.string(message).decode())
        self.handle = ffi.gc(made[0], lib.ocirepo_reference_free)
        parts = new("ocirepo_reference_parts")
        check(lib.ocirepo_reference_get(self.handle, parts))
        self.scheme = string(parts.scheme)
        self.registry = string(parts.registry)
        self.digest = string(parts.digest)


def value(result):
    """What an operation found, as values of Python, which outlive the next call."""
    kind, found = result.kind, result.u
    if kind == lib.OCIREPO_RESULT_KIND_DESCRIPTOR:
        return _descriptor(found.descriptor)
    if kind == lib.OCIREPO_RESULT_KIND_MANIFEST:
        manifest = found.manifest
        return {
            "digest": string(manifest.digest),
            "size": manifest.raw.len,
            "type": string(manifest.media_type),
            "raw": octets(manifest.raw),
        }
    if kind == lib.OCIREPO_RESULT_KIND_BLOB:
        return {"digest": string(found.blob.digest), "size": found.blob.size}
    if kind == lib.OCIREPO_RESULT_KIND_BYTES:
        return octets(found.bytes)
    if kind == lib.OCIREPO_RESULT_KIND_RANGE:
        return octets(found.range.bytes)
    if kind == lib.OCIREPO_RESULT_KIND_EXISTS:
        return bool(found.exists.found)
    if kind == lib.OCIREPO_RESULT_KIND_PUSHED:
        pushed = found.pushed
        return {
            "digest": string(pushed.digest),
            "size": pushed.size,
            "uploaded": bool(pushed.uploaded),
        }
    if kind == lib.OCIREPO_RESULT_KIND_NAMES:
        return [string(found.names.names[i]) for i in range(found.names.len)]
    if kind == lib.OCIREPO_RESULT_KIND_DESCRIPTORS:
        listed = found.descriptors
        return [_descriptor(listed.descriptors[i]) for i in range(listed.len)]
    return found.copy if kind == lib.OCIREPO_RESULT_KIND_COPY else None


def _descriptor(found):
    return {
        "digest": string(found.digest),
        "size": found.size,
        "type": string(found.media_type),
    }
