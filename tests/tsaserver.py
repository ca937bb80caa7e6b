"""A time authority on loopback that speaks RFC 3161 over HTTP, honest or not; and a time server that speaks NTP."""

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from asn1crypto import tsp

Answer = Callable[[tsp.TimeStampReq], bytes | None]
"""The body of the answer; None: HTTP 503."""


@dataclass
class Served:
    url: str
    asked: list[dict[str, str]] = field(default_factory=list)
    """Headers of each request."""


@contextmanager
def serving(answer: Answer) -> Iterator[Served]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            served.asked.append(dict(self.headers.items()))
            told = answer(tsp.TimeStampReq.load(body))
            with suppress(BrokenPipeError, ConnectionResetError):  # who asked has gone: it was too slow, or too much
                self.send_response(503 if told is None else 200)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.end_headers()
                self.wfile.write(told or b"")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    served = Served(f"http://127.0.0.1:{server.server_port}/tsr")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


EPOCH = 2_208_988_800
"""Seconds from 1900 (NTP) to 1970."""


@contextmanager
def ntp_serving(offset: float, *, stratum: int = 2, leap: int = 0) -> Iterator[str]:
    """host:port of a server whose clock is so many seconds ahead of ours."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(0.05)
        stop = threading.Event()

        def run() -> None:
            while not stop.is_set():
                try:
                    question, asker = server.recvfrom(256)
                except TimeoutError:
                    continue
                server.sendto(_ntp_answer(question, offset, stratum, leap), asker)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{server.getsockname()[1]}"
        finally:
            stop.set()
            thread.join(5)


def _ntp_answer(question: bytes, offset: float, stratum: int, leap: int) -> bytes:
    """RFC 5905, 7.3: leap indicator, version 4, mode 4 (server); the asker's transmit time comes back as origin."""
    now = time.time() + offset + EPOCH
    stamp = struct.pack("!II", int(now), int(now % 1 * 2**32))
    head = struct.pack("!BBbbII4s", leap << 6 | 4 << 3 | 4, stratum, 6, -20, 0, 0, b"TEST")
    return head + stamp + question[40:48] + stamp + stamp
