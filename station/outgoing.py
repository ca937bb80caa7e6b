"""The one door for addresses that somebody named: what may be asked there, and where the connection really goes.

The address is checked where the connection is made, not before: a name that answers otherwise the second time (DNS rebinding) gains
nothing. What the settings' file itself names may lie in the house's own network; what a form or a foreign list names may not, unless
`[outgoing] private_hosts` says so.
"""

import socket
import threading
import time
import weakref
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any, TypeAlias
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies, select_proxy
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, NewConnectionError

SCHEMES = frozenset({"https", "http"})
MOST_BYTES = 4 << 20
"""Of an answer, unless the caller knows better."""
MOST_REDIRECTS = 3
QUIET_SECONDS = 30.0
"""Until somebody answers, and between two packets, however long the whole may take."""
AGENT = "Sceau"
_NAT64 = IPv6Network("64:ff9b::/96")
"""RFC 6052: the last 32 bits are an IPv4 address."""
_NOT_PUBLIC = (IPv6Network("fec0::/10"), IPv6Network("3fff::/20"))
"""Site-local (RFC 3879) and documentation (RFC 9637), which this version of Python takes for public."""
_RELAYS = IPv4Network("192.88.99.0/24")
"""6to4 relays, given up (RFC 7526)."""
_CLOUDS = frozenset({IPv4Address("168.63.129.16")})
"""Numbers that look public and at which a cloud tells its own machines what is theirs."""
Address: TypeAlias = IPv4Address | IPv6Address


class NotAllowed(Exception):
    """This address is not asked; `reason` is one of "form", "scheme", "login", "port", "private", "redirect"."""

    def __init__(self, reason: str, address: str) -> None:
        super().__init__(f"{reason}: {address}")
        self.reason = reason


class NoAnswer(OSError):
    """Nobody answered in time, or with more than may be read."""


@dataclass(frozen=True, slots=True)
class Target:
    """An address that may be asked; `allow_private` counts again when the connection is made."""

    url: str
    scheme: str
    host: str
    port: int
    allow_private: bool


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


def checked(url: str, allow_private: bool, *, schemes: Collection[str] = SCHEMES) -> Target:
    """The address taken apart. No name is looked up here; that is done, and judged, where the connection is made.

    Raises NotAllowed: for another scheme, a login inside the address, control characters, and numbers of a private network.
    """
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise NotAllowed("form", repr(url[:200]))
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise NotAllowed("form", url[:200]) from error
    if parts.scheme not in schemes:
        raise NotAllowed("scheme", parts.scheme)
    if parts.username is not None or parts.password is not None:
        raise NotAllowed("login", parts.hostname or "")
    if not parts.hostname or port == 0:
        raise NotAllowed("form", url[:200])
    host = parts.hostname.rstrip(".")
    number = _number(host)
    if number is not None and not may_reach(number, allow_private):
        raise NotAllowed("private", host)
    if not allow_private and (host == "localhost" or host.endswith(".localhost")):
        raise NotAllowed("private", host)
    return Target(url, parts.scheme, host, port or (443 if parts.scheme == "https" else 80), allow_private)


def may_reach(address: Address, allow_private: bool) -> bool:
    """Whether a connection may go there. Link-local numbers (of which clouds answer for their keys), multicast and none never may."""
    inner = _inside(address)
    if inner.is_link_local or inner.is_multicast or inner.is_unspecified or (inner.is_reserved and not inner.is_loopback):
        return False
    if inner in _CLOUDS:
        return False
    return allow_private or (inner.is_global and inner not in _RELAYS and not any(inner in network for network in _NOT_PUBLIC))


def is_private_host(url: str, private_hosts: Collection[str]) -> bool:
    """Whether the settings say that this address's host may lie in the house's own network."""
    try:
        return (urlsplit(url).hostname or "").rstrip(".").lower() in {name.rstrip(".").lower() for name in private_hosts}
    except ValueError:
        return False


def post(target: Target, headers: Mapping[str, str], body: bytes, seconds: float) -> Answer:
    """POST once; `seconds` for all of it. A redirection is an answer like any other, and not followed. Raises NotAllowed, NoAnswer."""
    return _ask("POST", target, headers, body, seconds, MOST_BYTES)


def fetch(
    target: Target, seconds: float, *, most: int = MOST_BYTES, headers: Mapping[str, str] | None = None, elsewhere: bool = False
) -> Answer:
    """GET; follows a few redirections within the same host, or from http to https of it. Raises NotAllowed, NoAnswer.

    `elsewhere`: to other public hosts, too, for what is signed and may lie anywhere.
    """
    ends = time.monotonic() + seconds
    for _ in range(MOST_REDIRECTS + 1):
        answer = _ask("GET", target, headers or {}, None, ends - time.monotonic(), most)
        if answer.status not in (301, 302, 303, 307, 308) or "location" not in answer.headers:
            return answer
        target = _next_of(target, answer.headers["location"], elsewhere=elsewhere)
    raise NotAllowed("redirect", target.url)


def _next_of(target: Target, location: str, *, elsewhere: bool) -> Target:
    url = urljoin(target.url, location)
    after = checked(url, target.allow_private)
    if target.scheme == "https" and after.scheme != "https":
        raise NotAllowed("redirect", after.host)
    if after.host == target.host:
        return after
    if not elsewhere:
        raise NotAllowed("redirect", after.host)
    return checked(url, False)


class Staying(requests.Session):
    """Follows no redirection by itself: where it leads is judged first."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002 whatever it says
        return None


def open_session(allow_private: bool, seconds: float) -> requests.Session:
    """A session of requests of which each connection goes through this door and ends after so many seconds, come what may.

    For libraries that bring their own client, too: close it when done.
    """
    return guard(Staying(), allow_private, seconds)


def guard(session: requests.Session, allow_private: bool, seconds: float, *, most: int | None = None) -> requests.Session:
    """Lead a library's own session through this door. It must not follow redirections by itself; see `Staying`.

    `most`: bytes of an answer that is not asked for as a stream.
    """
    session.trust_env = False  # Neither .netrc nor other files give away logins; a proxy of the environment is put in below.
    session.headers["User-Agent"] = AGENT
    for prefix in ("https://", "http://"):
        session.mount(prefix, Door(allow_private, seconds, most))
    return session


class Door(HTTPAdapter):
    """Checks each request's address, and where its connection goes.

    A proxy of the environment is where it goes, if there is one. The name is judged before the proxy is told it: what the proxy then finds
    behind it is the proxy's. A name that only the proxy can look up is asked for where it may be private, and else refused.
    """

    def __init__(self, allow_private: bool, seconds: float, most: int | None = None) -> None:
        self._allow_private, self._seconds, self._most = allow_private, seconds, most
        self._clocks: list[threading.Timer] = []
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _pools_of(self._connect)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Raises InvalidSchema for a proxy of another kind than HTTP's, of which connections would not be ours."""
        if not proxy.lower().startswith(("http://", "https://")):
            raise requests.exceptions.InvalidSchema(proxy.partition(":")[0])
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = _pools_of(self._connect_proxy)
        return manager

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Raises NotAllowed, requests.ConnectionError."""
        url = request.url or ""
        target = checked(url, self._allow_private)
        proxies = get_environ_proxies(url)
        kwargs["proxies"] = proxies if select_proxy(url, proxies) else {}
        if kwargs["proxies"]:
            self._judge(target)
        kwargs["timeout"] = min(self._seconds, QUIET_SECONDS)
        begun = time.monotonic()
        answer = super().send(request, *args, **kwargs)
        if self._most is not None:
            answer._content = read_bounded(answer, self._most)  # What requests would fill by itself, without a bound.
            if time.monotonic() - begun > self._seconds:
                raise requests.Timeout("cut off")
        return answer

    def close(self) -> None:
        super().close()
        for clock in self._clocks:
            clock.cancel()

    def _connect(self, host: str, port: int) -> socket.socket:
        return self._timed(connect_checked(host, port, self._allow_private, min(self._seconds, QUIET_SECONDS)))

    def _connect_proxy(self, host: str, port: int) -> socket.socket:
        """The environment names it: it may lie in the house's own network."""
        return self._timed(socket.create_connection((host, port), min(self._seconds, QUIET_SECONDS)))

    def _judge(self, target: Target) -> None:
        try:
            judged_numbers(target.host, target.port, self._allow_private)
        except OSError as error:
            if not self._allow_private:
                raise requests.ConnectionError(f"{target.host}: {error}") from error

    def _timed(self, connection: socket.socket) -> socket.socket:
        # Encryption takes the socket over; its twin can still end the connection, be it in the headings or at a byte per second.
        twin = connection.dup()
        clock = threading.Timer(self._seconds, _end, (twin,))
        clock.daemon = True
        clock.start()
        self._clocks.append(clock)
        weakref.finalize(clock, twin.close)
        return connection


def _end(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


Connect: TypeAlias = Callable[[str, int], socket.socket]


def _pools_of(connect: Connect) -> dict[str, type[HTTPConnectionPool]]:
    """Connection pools of urllib3 that connect as they are told; names of certificates are checked as ever."""

    def connected(connection: HTTPConnection) -> socket.socket:
        try:
            return connect(connection.host, connection.port or 80)
        except OSError as error:
            raise NewConnectionError(connection, f"{connection.host}: {error}") from error

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return connected(self)

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return connected(self)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


def resolve(host: str, port: int) -> list[str]:
    """Every number behind a name. Raises OSError."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def judged_numbers(host: str, port: int, allow_private: bool) -> list[str]:
    """Every number behind a name. Raises NotAllowed where any of them may not be asked, OSError."""
    numbers = resolve(host, port)
    for number in numbers:
        if not may_reach(ip_address(number.split("%")[0]), allow_private):
            raise NotAllowed("private", host)
    return numbers


def connect_checked(host: str, port: int, allow_private: bool, seconds: float | None) -> socket.socket:
    """A connection to the first number behind the name that answers. Raises NotAllowed where any of them may not be asked, OSError.

    Any, not each: a name that stands for a public and a private number at once is no accident.
    """
    failed: OSError | None = None
    for number in judged_numbers(host, port, allow_private):
        try:
            return socket.create_connection((number, port), seconds)
        except OSError as error:
            failed = error
    raise failed or OSError(f"{host}: no address")


def _ask(method: str, target: Target, headers: Mapping[str, str], body: bytes | None, seconds: float, most: int) -> Answer:
    ends = time.monotonic() + seconds
    if seconds <= 0:
        raise NoAnswer(f"{target.host}: too slow")
    try:
        with (
            open_session(target.allow_private, seconds) as session,
            session.request(method, target.url, headers=dict(headers), data=body, stream=True) as answer,
        ):
            body_there = read_bounded(answer, most)
            if time.monotonic() > ends:
                raise NoAnswer("cut off")  # What came may be less than what was sent.
            return Answer(answer.status_code, _lower(answer.headers), body_there)
    except (requests.RequestException, HTTPError, OSError) as error:
        raise NoAnswer(f"{target.host}: {error if isinstance(error, NoAnswer) else type(error).__name__}") from error


def read_bounded(answer: requests.Response, most: int) -> bytes:
    """The body, if it is whole and not larger than `most` bytes, unpacked. Raises NoAnswer, and what requests raises."""
    data = bytearray()
    for chunk in answer.iter_content(2**14):
        data += chunk
        if len(data) > most:
            raise NoAnswer(f"more than {most} bytes")
    return bytes(data)


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _number(host: str) -> Address | None:
    """The host as a number, in the ways that connecting understands ("127.1", "0x7f000001" too); None: a name."""
    try:
        return ip_address(host.split("%", maxsplit=1)[0])
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):
        return None


def _inside(address: Address) -> Address:
    """The IPv4 address that an IPv6 one only wraps: mapped, translated, 6to4, Teredo."""
    if isinstance(address, IPv6Address):
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFF_FFFF)
        teredo = address.teredo
        return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None) or address
    return address
