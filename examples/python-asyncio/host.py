"""A host on asyncio, with aiohttp for HTTP and libocirepo for everything else.

The session says what to request; each request is a task. Everything that happens on the event
loop is told to the session at once, and what the session wants next is done at once, so that
there is neither a loop of our own nor a lock.
"""

import asyncio
import os
import ssl
import time

import aiohttp
from yarl import URL

from ocirepo import NOTHING, Error, check, data, ffi, lib, new, octets, string, text, value

# How many bytes of a file are read at once.
PIECE = 64 << 10


def now():
    return (time.monotonic_ns() // 1_000_000, int(time.time()))


class Host:
    """Performs what a session wants. It is opened with `async with`, on a running loop.

    `credentials` is asked for a registry, and answers with a name and a password, with None and
    an identity token, or with None. `event` is told what may interest people, as a kind and a
    text. A body that stalls for `stall` seconds is lost.
    """

    def __init__(self, config, credentials=None, event=None, authorities=None, stall=30):
        made = ffi.new("ocirepo_session **")
        check(lib.ocirepo_session_new(config, int.from_bytes(os.urandom(8)), made))
        self.session = made[0]
        self.credentials = credentials
        self.event = event
        self.tls = ssl.create_default_context(cafile=authorities)
        self.stall = stall
        self.operations = {}
        self.exchanges = {}
        self.timer = None
        self.quiet = asyncio.Event()

    async def __aenter__(self):
        self.drain()
        # A client that follows nothing, decodes nothing and adds nothing.
        self.client = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self.tls, limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type"),
            auto_decompress=False,
            max_field_size=1 << 20,
            middlewares=(once,),
        )
        return self

    async def __aexit__(self, *_):
        self.operations.clear()
        if self.timer:
            self.timer.cancel()
        exchanges = list(self.exchanges.values())
        for exchange in exchanges:
            exchange.task.cancel()
        await asyncio.gather(*(exchange.task for exchange in exchanges), return_exceptions=True)
        await self.client.close()
        lib.ocirepo_session_free(self.session)

    async def idle(self):
        """Waits until nothing is left to do: what is cancelled is taken back at the registry."""
        await self.quiet.wait()

    def start(self, name, *arguments, file=None, moved=None):
        """Begins the operation `ocirepo_session_NAME`; its result is to be awaited.

        `file` is the descriptor of the file that a blob goes to or comes from; it stays open
        until the end. `moved` is told how many bytes of it were moved.
        """
        operation, number = Operation(file, moved), ffi.new("uint64_t *")
        begin = getattr(lib, f"ocirepo_session_{name}")
        check(begin(self.session, *arguments, number), self.session)
        operation.number = number[0]
        self.operations[operation.number] = operation
        # Whoever gives up waiting, such as with a timeout, cancels the operation.
        operation.result.add_done_callback(
            lambda result: result.cancelled() and self.cancel(operation)
        )
        self.drain()
        return operation

    def cancel(self, operation):
        """Ends it with an error, unless it has ended."""
        if operation.number in self.operations:
            lib.ocirepo_session_cancel(self.session, operation.number)
            self.drain()

    def tell(self, report, *arguments):
        """Reports something to the session, and does what it then wants."""
        status = check(report(self.session, now(), *arguments), self.session)
        self.drain()
        return status

    def drain(self):
        output = new("ocirepo_output")
        while True:
            check(lib.ocirepo_session_poll(self.session, now(), output), self.session)
            match output.kind:
                case lib.OCIREPO_OUTPUT_KIND_REQUEST:
                    exchange = Exchange(self, output.u.request)
                    self.exchanges[exchange.number] = exchange
                    exchange.task = asyncio.create_task(exchange.perform())
                    exchange.task.add_done_callback(self._ended)
                case lib.OCIREPO_OUTPUT_KIND_ABORT:
                    if exchange := self.exchanges.get(output.u.exchange):
                        exchange.task.cancel()
                case lib.OCIREPO_OUTPUT_KIND_CREDENTIALS:
                    self._log_in(output.u.registry)
                case lib.OCIREPO_OUTPUT_KIND_EVENT:
                    if self.event:
                        self.event(output.u.event.kind, string(output.u.event.text))
                case lib.OCIREPO_OUTPUT_KIND_DONE:
                    self._done(output.u.operation)
                case lib.OCIREPO_OUTPUT_KIND_WAIT:
                    return self._wait(output.u.wait)

    def _ended(self, task):
        # A mistake of ours is told to whoever waits, who would wait for ever.
        if not task.cancelled() and task.exception():
            for operation in self.operations.values():
                if not operation.result.done():
                    operation.result.set_exception(task.exception())

    def _log_in(self, registry):
        found = self.credentials and self.credentials(string(registry.name))
        if found:
            name, secret = text(found[0] or ""), text(found[1])
            kind = (
                lib.OCIREPO_CREDENTIALS_KIND_BASIC
                if found[0]
                else lib.OCIREPO_CREDENTIALS_KIND_IDENTITY_TOKEN
            )
            found = new("ocirepo_credentials", kind=kind, username=name, secret=secret)
        check(
            lib.ocirepo_session_credentials(
                self.session, now(), registry.scheme, registry.name, found or ffi.NULL
            ),
            self.session,
        )

    def _done(self, number):
        operation, result = self.operations.pop(number), new("ocirepo_result")
        status = check(lib.ocirepo_session_take(self.session, number, result), self.session)
        if operation.result.done():
            return
        if status == lib.OCIREPO_STATUS_OK:
            operation.result.set_result(value(result))
        else:
            error = result.u.error
            kind = ffi.string(lib.ocirepo_error_kind_name(error.kind)).decode()
            operation.result.set_exception(Error(kind, string(error.message)))

    def _wait(self, until):
        if lib.ocirepo_session_is_idle(self.session):
            self.quiet.set()
        else:
            self.quiet.clear()
        if self.timer:
            self.timer.cancel()
            self.timer = None
        if until != NOTHING:
            wait = max(0, until - now()[0]) / 1000
            loop = asyncio.get_running_loop()
            self.timer = loop.call_later(wait, self.tell, lib.ocirepo_session_timeout)


class Operation:
    """Something that was asked for, with the file of its blob."""

    def __init__(self, file, moved):
        self.result = asyncio.get_running_loop().create_future()
        self.file = file
        self.moved = moved
        self.bytes = 0

    def __await__(self):
        return self.result.__await__()

    def count(self, length):
        self.bytes += length
        if self.moved:
            self.moved(self.bytes)


class Exchange:
    """One request and its response."""

    def __init__(self, host, request):
        # Everything is copied, because it is gone with the next call on the session.
        self.host = host
        self.number = request.exchange
        self.operation = host.operations.get(request.operation)
        self.method = string(request.method)
        self.url = URL(string(request.url), encoded=True)
        pairs = (request.headers[i] for i in range(request.headers_len))
        self.headers = [(string(pair.name), string(pair.value)) for pair in pairs]
        self.body = octets(request.body)
        # A sink and a source are ours until they are given back.
        self.sink, self.source = ffi.NULL, ffi.NULL
        if request.body_kind == lib.OCIREPO_BODY_KIND_SOURCE:
            self.source = request.source
            self.headers.append(("Content-Length", str(request.source_len)))
            self.body = self._pieces(request.source_offset, request.source_len)
        elif self.method in ("POST", "PUT", "PATCH"):
            self.headers.append(("Content-Length", str(len(self.body))))
        self.cause = 0  # why we broke it off ourselves

    async def perform(self):
        try:
            await self._receive(await self._send())
        except (aiohttp.ClientError, OSError) as error:
            self._lost(self.cause or cause(error))
        finally:
            lib.ocirepo_sink_free(self.sink)
            lib.ocirepo_source_free(self.source)
            del self.host.exchanges[self.number]

    async def _send(self):
        # The session watches over heads, and we over request bodies that stall.
        async with asyncio.timeout(None) as self.limit:
            return await self.host.client.request(
                self.method,
                self.url,
                headers=self.headers,
                data=self.body or None,
                allow_redirects=False,
            )

    async def _pieces(self, at, length):
        """The body of an upload: read from the file, shown to the source, then sent."""
        end = at + length
        loop = asyncio.get_running_loop()
        if length == 0:
            self._sent()
        while at < end and self.source:
            piece = os.pread(self.operation.file, min(PIECE, end - at), at)
            shown = lib.ocirepo_source_chunk(self.source, at, data(piece))
            if not piece or shown != lib.OCIREPO_STATUS_OK:
                self.cause = lib.OCIREPO_CAUSE_LOCAL
                raise OSError("the file is not what it was")
            at += len(piece)
            self.operation.count(len(piece))
            self.limit.reschedule(loop.time() + self.host.stall)
            if at == end:
                self.limit.reschedule(None)
                self._sent()
            yield piece

    async def _receive(self, response):
        try:
            self._sent()  # also when the registry answers before it has everything
            destination = self._head(response)
            if destination == lib.OCIREPO_DESTINATION_DISCARD:
                return
            while True:
                async with asyncio.timeout(self.host.stall):
                    chunk = await response.content.readany()
                if not chunk:
                    break
                if destination == lib.OCIREPO_DESTINATION_STREAM:
                    self._keep(chunk)
                else:
                    self._tell(lib.ocirepo_session_data, data(chunk))
            sink, self.sink = self.sink, ffi.NULL
            self._tell(lib.ocirepo_session_end, sink)
        finally:
            response.release()

    def _head(self, response):
        fields = [(text(name), text(value)) for name, value in response.raw_headers]
        pairs = ffi.new("ocirepo_pair[]", fields)
        head = new(
            "ocirepo_head", status=response.status, headers=pairs, headers_len=len(fields)
        )
        destination, sink = ffi.new("uint32_t *"), ffi.new("ocirepo_sink **")
        self._tell(lib.ocirepo_session_head, head, destination, sink)
        self.sink = sink[0]
        return destination[0]

    def _keep(self, chunk):
        """Writes what the sink says is to be kept, where it says so."""
        keep = ffi.new("ocirepo_keep *")
        if lib.ocirepo_sink_chunk(self.sink, data(chunk), keep) != lib.OCIREPO_STATUS_OK:
            # Longer than the blob: the sink remembers.
            self.cause = lib.OCIREPO_CAUSE_RESET
            raise ConnectionError("more bytes than the blob has")
        piece, at = octets(keep), keep.offset
        while piece:
            written = os.pwrite(self.operation.file, piece, at)
            piece, at = piece[written:], at + written
        self.operation.count(keep.len)

    def _sent(self):
        if self.source:
            source, self.source = self.source, ffi.NULL
            self._tell(lib.ocirepo_session_sent, source)

    def _lost(self, why):
        sink, self.sink = self.sink, ffi.NULL
        source, self.source = self.source, ffi.NULL
        self._tell(lib.ocirepo_session_lost, why, sink, source)

    def _tell(self, report, *arguments):
        return self.host.tell(report, self.number, *arguments)


class Lost(aiohttp.ClientError):
    """An exchange was lost, as the cause says."""

    def __init__(self, why):
        super().__init__(f"lost ({why})")
        self.why = why


async def once(request, send):
    """Sends a request. By itself aiohttp would send most of them again when a server breaks the
    connection off, unknown to the session; errors that it does not know it passes on."""
    try:
        return await send(request)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise Lost(cause(error)) from error


def cause(error):
    """Why it was lost; whether another try makes sense is for the session to know."""
    match error:
        case Lost():
            return error.why
        case aiohttp.ClientSSLError() | aiohttp.ClientConnectorCertificateError():
            return lib.OCIREPO_CAUSE_TLS
        case aiohttp.ClientConnectorError() | aiohttp.ConnectionTimeoutError():
            return lib.OCIREPO_CAUSE_UNREACHABLE
        case TimeoutError():
            return lib.OCIREPO_CAUSE_TIMEOUT
        case aiohttp.ClientError() | ConnectionError():
            return lib.OCIREPO_CAUSE_RESET
        case _:
            return lib.OCIREPO_CAUSE_LOCAL  # the file, or a mistake of ours
