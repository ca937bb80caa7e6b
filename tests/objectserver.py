"""An S3 server on loopback, moto's: a double. It refuses to delete what is locked, in COMPLIANCE even to who may bypass; it believes the
checksum that it is sent without computing it, lets a lock be shortened, and forgets the lock of what was sent in parts.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from moto.server import ThreadedMotoServer

from capture.objects import Place, open_client

_NUMBERS = count(1)


@contextmanager
def object_server(port: int = 0, at: str = "127.0.0.1") -> Iterator[str]:
    """Its address, until the block ends. `at`: the machine's own address at which it listens."""
    server = ThreadedMotoServer(ip_address=at, port=port, verbose=False)
    server.start()
    try:
        host, heard = server.get_host_and_port()
        yield f"http://{host}:{heard}"
    finally:
        server.stop()


def client_of(endpoint: str) -> Any:
    return open_client(Place("none", endpoint=endpoint), "key", "secret")


def new_bucket(endpoint: str, *, lock: bool = True) -> str:
    """Name of a bucket of its own."""
    name = f"sceau-{next(_NUMBERS)}"
    client_of(endpoint).create_bucket(Bucket=name, ObjectLockEnabledForBucket=lock)
    return name
