"""Speaks the line protocol of tests/hosts/README.md for the host on asyncio.

    $ printf '1 tags oci://registry.example/me/demo\\nrun\\n' | python3 suite.py
    host python-asyncio
    1 ok tags=el8,el9
    end
"""

import asyncio
import os
import sys
from pathlib import Path

from host import PIECE, Host
from ocirepo import NO_TEXT, NOTHING, Error, Reference, check, data, ffi, lib, new, text


def main():
    say("host python-asyncio")
    batch = Batch()
    for line in sys.stdin:
        match line.split():
            case ["set", "ca", file]:
                batch.authorities = file
            case ["set", "stall-ms", number]:
                batch.stall = int(number) / 1000
            case ["set", name, number]:
                setattr(batch.config, name.replace("-", "_"), int(number))
            case ["login", registry, name, password]:
                batch.logins[registry] = (name, password)
            case ["identity", registry, token]:
                batch.logins[registry] = (None, token)
            case ["trust", registry, realm]:
                batch.trusted.append((text(registry), text(realm)))
            case ["run"]:
                asyncio.run(batch.play())
                say("end")
                batch = Batch()
            case [number, *words]:
                batch.asked.append((number, words))


def say(line):
    print(line.replace("\n", " "), flush=True)


def event(kind, told):
    if kind == lib.OCIREPO_EVENT_KIND_WARNING:
        say(f"event warning {told}")
    elif kind == lib.OCIREPO_EVENT_KIND_REDIRECT:
        say(f"event redirect {told}")


class Batch:
    """What is to be done side by side in one session."""

    def __init__(self):
        self.config = new("ocirepo_config")
        check(lib.ocirepo_config_init(self.config))
        self.authorities = None
        self.stall = 30
        self.logins = {}
        self.trusted = []
        self.asked = []

    async def play(self):
        realms = ffi.new("ocirepo_trusted_realm[]", self.trusted)
        self.config.trusted_realms = realms
        self.config.trusted_realms_len = len(realms)
        options = {"authorities": self.authorities, "stall": self.stall, "event": event}
        async with Host(self.config, self.logins.get, **options) as host:
            async with asyncio.TaskGroup() as tasks:
                for number, words in self.asked:
                    tasks.create_task(answer(host, number, words))
            await host.idle()


async def answer(host, number, words):
    try:
        found = await perform(host, *words)
    except Error as error:
        say(f"{number} error {error.kind} {error}")
    else:
        say(" ".join([number, "ok", *(f"{key}={shown(it)}" for key, it in found.items())]))


def shown(found):
    if isinstance(found, list):
        return ",".join(found)
    if isinstance(found, bool):
        return "yes" if found else "no"
    return found


async def perform(host, what, at, *words):
    """What is told of the result of an operation."""
    place = Reference(at)
    handle, digest = place.handle, text(place.digest)
    match what, *words:
        case ["ping"]:
            await host.start("ping", handle)
            return {}
        case ["resolve"]:
            return await host.start("resolve", handle, NO_TEXT)
        case ["pull-manifest", file]:
            manifest = await host.start("pull_manifest", handle, NO_TEXT)
            Path(file).write_bytes(manifest.pop("raw"))
            return manifest
        case ["pull-blob", size, file, *options]:
            return await pull_blob(host, place, size, file, options)
        case ["pull-range", first, end, file]:
            length = max(0, int(end) - int(first))
            found = await host.start("pull_range", handle, digest, int(first), length)
            Path(file).write_bytes(found)
            return {"size": len(found)}
        case ["exists"]:
            return {"there": await host.start("blob_exists", handle, digest)}
        case ["push-blob", file, *options]:
            return await push_blob(host, place, file, options)
        case ["push-manifest", file]:
            raw = data(Path(file).read_bytes())
            pushed = await host.start("push_manifest", handle, NO_TEXT, NO_TEXT, raw)
            return {"digest": pushed["digest"], "size": pushed["size"]}
        case ["tags"]:
            return {"tags": await host.start("tags", handle)}
        case ["repositories"]:
            registry = text(place.scheme), text(place.registry)
            return {"repositories": await host.start("repositories", *registry)}
        case ["referrers", *options]:
            wanted = keyed(options).get("type")
            wanted = text(wanted) if wanted else NO_TEXT
            found = await host.start("referrers", handle, digest, wanted)
            return {"digests": [one["digest"] for one in found]}
        case ["delete-manifest"]:
            await host.start("delete_manifest", handle, NO_TEXT)
            return {}
        case ["delete-blob"]:
            await host.start("delete_blob", handle, digest)
            return {}
    sys.exit(f"cannot read the operation {what} {at} {words}")


async def pull_blob(host, place, size, path, options):
    digest, size = text(place.digest), NOTHING if size == "-" else int(size)
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        return await moving(
            host, options, file, "pull_blob", place.handle, digest, size, resume(file, digest, size)
        )
    finally:
        os.close(file)


def resume(file, digest, size):
    """What is in the file goes through a sink, so that only the rest is fetched."""
    made, keep = ffi.new("ocirepo_sink **"), ffi.new("ocirepo_keep *")
    check(lib.ocirepo_sink_new(digest, size, made))
    while piece := os.read(file, PIECE):
        if lib.ocirepo_sink_chunk(made[0], data(piece), keep) != lib.OCIREPO_STATUS_OK:
            # More than the blob has: it is none of it, and nothing of it may stay.
            lib.ocirepo_sink_free(made[0])
            os.truncate(file, 0)
            return ffi.NULL
    return made[0]


async def push_blob(host, place, path, options):
    given = keyed(options)
    upload = new("ocirepo_upload", chunk=int(given.get("chunk", 0)))
    upload.flags |= lib.OCIREPO_UPLOAD_CHECK if "check" in given else 0
    upload.flags |= lib.OCIREPO_UPLOAD_SINGLE if "single" in given else 0
    if "mount" in given:
        mount = Reference(f"oci+{place.scheme}://{place.registry}/{given['mount']}")
        upload.mount_from = mount.handle
    made, digest = ffi.new("ocirepo_source **"), given.get("digest")
    file = os.open(path, os.O_RDONLY)
    try:
        size = os.fstat(file).st_size
        check(lib.ocirepo_source_new(size, text(digest) if digest else NO_TEXT, made))
        return await moving(host, options, file, "push_blob", place.handle, made[0], upload)
    finally:
        os.close(file)


async def moving(host, options, file, *operation):
    """An operation with a file, which may have to be cancelled on the way."""
    limit = keyed(options).get("cancel")

    def moved(count):
        if limit and count >= int(limit):
            host.cancel(running)

    running = host.start(*operation, file=file, moved=moved)
    return await running


def keyed(options):
    return dict(option.partition("=")[::2] for option in options)


if __name__ == "__main__":
    main()
