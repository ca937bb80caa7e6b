"""The door for addresses that somebody named: what passes, where connections really go, and for how long."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cost
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import Outgoing, Settings, Trust
from station import outgoing, trustlists
from station.outgoing import Answer, NoAnswer, NotAllowed, checked, fetch, post


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(200, body + self.headers.get("X-Sign", "").encode())

    def do_GET(self) -> None:
        if self.path.startswith("/to?"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to?"))
            self.end_headers()
        elif self.path == "/drip":
            self.send_response(200)
            self.end_headers()
            for _ in range(60):
                try:
                    self.wfile.write(b".")
                except OSError:
                    return
                time.sleep(0.05)
        else:
            self.answer(200, b"x" * 2000 if self.path == "/much" else b"here")

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def listening() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with listening() as number:
        yield number


INSIDE = (
    "http://127.0.0.1/", "http://127.1/", "http://2130706433/", "http://0x7f000001/", "http://localhost/", "http://LOCALHOST./",
    "http://10.0.0.8/", "http://192.168.1.1/", "http://[::1]/", "http://[fc00::1]/", "http://[::ffff:10.0.0.1]/", "http://[64:ff9b::a00:1]/",
    "http://[2002:7f00:1::]/", "http://100.64.0.1/", "http://[fec0::1]/", "http://[3fff::1]/", "http://192.88.99.1/",
)  # fmt: skip
NEVER = (
    "http://169.254.169.254/",
    "http://[fe80::1]/",
    "http://0.0.0.0/",
    "http://224.0.0.1/",
    "http://[::ffff:169.254.169.254]/",
    "http://168.63.129.16/",
)


@pytest.mark.parametrize("url", INSIDE)
def test_numbers_of_the_house_s_own_network_are_asked_only_where_that_is_said(url: str) -> None:
    with pytest.raises(NotAllowed, match="private"):
        checked(url, False)
    assert checked(url, True).url == url


@pytest.mark.parametrize("url", NEVER)
def test_what_answers_to_its_neighbours_only_is_never_asked(url: str) -> None:
    with pytest.raises(NotAllowed, match="private"):
        checked(url, True)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://example.org/", "scheme"),
        ("file:///etc/passwd", "scheme"),
        ("http:///x", "form"),
        ("http://a:b@example.org/", "login"),
        ("http://example.org\\@10.0.0.1/", "form"),
        ("http://exa mple.org/", "form"),
        ("http://example.org/\r\nX: y", "form"),
        ("http://example.org:99999/", "form"),
        ("http://exämple.org/", "form"),
    ],
)
def test_an_address_of_another_form_is_refused(url: str, reason: str) -> None:
    with pytest.raises(NotAllowed) as caught:
        checked(url, True)
    assert caught.value.reason == reason


@given(st.text(max_size=60))
def test_whatever_is_typed_is_taken_apart_or_refused(text: str) -> None:
    for url in (text, f"https://{text}"):
        with suppress(NotAllowed):
            assert checked(url, False).scheme in outgoing.SCHEMES


def test_what_is_posted_arrives_with_its_headings(port: int) -> None:
    answer = post(checked(f"http://localhost:{port}/", True), {"X-Sign": "!"}, b"hello", 5)
    assert (answer.status, answer.body) == (200, b"hello!")


def test_a_name_that_leads_inside_is_refused_when_the_connection_is_made(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "resolve", lambda *_: ["127.0.0.1"])
    target = checked(f"http://rebinding.example:{port}/", False)
    with pytest.raises(NotAllowed, match="private"):
        post(target, {}, b"", 5)


def test_a_name_that_is_public_and_private_at_once_is_refused(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "resolve", lambda *_: ["8.8.8.8", "127.0.0.1"])
    with pytest.raises(NotAllowed, match="private"):
        fetch(checked(f"http://both.example:{port}/", False), 5)


def test_the_number_that_was_judged_is_the_one_connected_to(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: a second question would be answered otherwise; there is no second question."""
    asked: list[str] = []
    monkeypatch.setattr(outgoing, "resolve", lambda host, _: asked.append(host) or ["127.0.0.1"])
    assert fetch(checked(f"http://known.example:{port}/", True), 5).body == b"here"
    assert asked == ["known.example"]


# --- behind a proxy ---


@pytest.fixture
def proxied(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A proxy on loopback that the environment names; what it was asked for."""
    asked: list[str] = []

    class Proxy(Handler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.path = "/" + self.path.rpartition("/")[2]
            super().do_GET()

        def do_CONNECT(self) -> None:
            asked.append(self.path)
            self.answer(502, b"")

    for name in ("no_proxy", "NO_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{server.server_port}")
    yield asked
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_name_that_leads_inside_is_not_told_to_a_proxy_either(scheme: str, proxied: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "resolve", lambda *_: ["10.0.0.8"])
    with pytest.raises(NotAllowed, match="private"):
        fetch(checked(f"{scheme}://intranet.example/", False), 5)

    def unknown(*_: object) -> list[str]:
        raise OSError("unknown here")

    monkeypatch.setattr(outgoing, "resolve", unknown)
    with pytest.raises(NoAnswer):
        fetch(checked(f"{scheme}://nobody-knows.example/", False), 5)
    assert proxied == []


def test_what_is_public_and_what_the_settings_name_goes_by_the_proxy(proxied: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "resolve", lambda *_: ["8.8.8.8"])
    assert fetch(checked("http://public.example/", False), 5).body == b"here"
    with pytest.raises(NoAnswer):
        fetch(checked("https://public.example/", False), 5)
    monkeypatch.setattr(outgoing, "resolve", lambda *_: ["10.0.0.8"])
    assert fetch(checked("http://mirror.house/", True), 5).body == b"here"
    assert proxied == ["http://public.example/", "public.example:443", "http://mirror.house/"]


def test_an_answer_that_drips_through_a_proxy_is_cut_off_in_time(proxied: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "resolve", lambda *_: ["8.8.8.8"])
    cost.soon(1.5, lambda: unanswered(fetch, checked("http://public.example/drip", False), 0.4))
    assert set(proxied) == {"http://public.example/drip"}


def unanswered(act: Callable[..., object], *args: object) -> None:
    with pytest.raises(NoAnswer):
        act(*args)


def test_a_proxy_of_another_kind_is_not_used(proxied: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "resolve", lambda *_: ["8.8.8.8"])
    monkeypatch.setenv("http_proxy", "socks5://127.0.0.1:9")
    with pytest.raises(NoAnswer, match="InvalidSchema"):
        fetch(checked("http://public.example/", False), 5)
    assert proxied == []


def test_a_redirection_is_followed_within_its_host_only(port: int) -> None:
    assert fetch(checked(f"http://localhost:{port}/to?/there", True), 5).body == b"here"
    for elsewhere in (f"http://127.0.0.1:{port}/", "http://169.254.169.254/", "file:///etc/passwd"):
        with pytest.raises(NotAllowed):
            fetch(checked(f"http://localhost:{port}/to?{elsewhere}", True), 5)
    with pytest.raises(NotAllowed, match="redirect"):
        fetch(checked(f"http://localhost:{port}/to?/to?/to?/to?/to?/x", True), 5)


def test_what_is_signed_may_lie_on_another_host_but_not_inside_the_house(port: int) -> None:
    target = checked(f"http://localhost:{port}/to?http://127.0.0.1:{port}/", True)
    with pytest.raises(NotAllowed, match="private"):
        fetch(target, 5, elsewhere=True)


def test_a_redirection_is_no_answer_to_what_is_posted(port: int) -> None:
    class Elsewhere(Handler):
        def do_POST(self) -> None:
            self.send_response(307)
            self.send_header("Location", f"http://127.0.0.1:{port}/")
            self.send_header("Content-Length", "0")
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    threading.Thread(target=server.handle_request, daemon=True).start()
    answer = post(checked(f"http://localhost:{server.server_port}/", True), {}, b"secret", 5)
    server.server_close()
    assert isinstance(answer, Answer)
    assert answer.status == 307


def test_more_than_may_be_read_is_not_read(port: int) -> None:
    with pytest.raises(NoAnswer, match="more than 1000"):
        fetch(checked(f"http://localhost:{port}/much", True), 5, most=1000)


def test_an_answer_that_drips_is_cut_off_in_time(port: int) -> None:
    cost.soon(1.5, lambda: unanswered(fetch, checked(f"http://localhost:{port}/drip", True), 0.4))


def test_headings_that_drip_are_cut_off_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                for letter in b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100:
                    connection.sendall(bytes([letter]))
                    time.sleep(0.03)

        def ask() -> None:
            threading.Thread(target=drip, daemon=True).start()
            unanswered(post, checked(f"http://127.0.0.1:{server.getsockname()[1]}/", True), {}, b"", 0.4)

        cost.soon(1.5, ask)


def test_nobody_there_is_no_answer_in_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = server.getsockname()[1]
    with pytest.raises(NoAnswer, match="localhost"):
        post(checked(f"http://localhost:{free}/", True), {}, b"", 2)


def test_a_foreign_list_leads_nowhere_inside_the_house(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The list of lists names further addresses; whoever signs it shall not make this station ask the house's own machines."""
    asked: list[bool] = []
    monkeypatch.setattr(trustlists, "fetch", lambda _, allow_private=True: asked.append(allow_private) or b"")
    trust = Trust(lists_url="https://lists.example/lotl.xml")
    get = trustlists._getter(Settings(home=tmp_path, trust=trust, outgoing=Outgoing(private_hosts=["mirror.house"])))
    for address in ("https://lists.example/fr.xml", "http://mirror.house/fr.xml", "http://10.0.0.1/fr.xml"):
        get(address)
    assert asked == [True, True, False]
