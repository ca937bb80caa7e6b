"""A real provider of identities on loopback for the tests: discovery, authorization with PKCE, tokens signed by keys that can change.

Honest unless told otherwise: `Provider.forge` changes claims, header, key or answer of the next token.
"""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

CLIENT, SECRET = "sceau", "le secret de l'essai"


@cache
def drawn_key(kid: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig"})


@dataclass(slots=True)
class Provider:
    """What it knows, and how it misbehaves."""

    port: int = 0
    subject: str = "s-1"
    claims: dict[str, Any] = field(default_factory=lambda: {"email": "claire@example.org", "email_verified": True})
    kid: str = "k1"
    published: list[str] = field(default_factory=lambda: ["k1"])
    metadata: dict[str, Any] = field(default_factory=dict)
    forge: Callable[[dict[str, Any], dict[str, Any]], str | None] | None = None
    """Takes header and claims, which it may change; what it returns is sent in place of a token of ours."""
    slow: float = 0.0
    asked: list[str] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    logins: list[dict[str, str]] = field(default_factory=list)
    moment: Callable[[], float] = time.time
    auth_time: float | None = None

    @property
    def issuer(self) -> str:
        return f"http://localhost:{self.port}"

    def description(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "end_session_endpoint": f"{self.issuer}/logout",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256"],
            "authorization_response_iss_parameter_supported": True,
            **self.metadata,
        }

    def authorize(self, address: str) -> str:
        """What a browser is sent back with once somebody signed in here."""
        asked = dict(parse_qsl(urlsplit(address).query))
        assert asked["client_id"] == CLIENT
        assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
        self.logins.append(asked)
        code = secrets.token_urlsafe(12)
        self.codes[code] = asked
        return asked["redirect_uri"] + "?" + urlencode({"code": code, "state": asked["state"], "iss": self.issuer})

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        asked = self.codes.pop(form.get("code", ""), None)
        user, _, password = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest()).decode().rstrip("=")
        if (user, password) != (CLIENT, SECRET):
            return 401, {"error": "invalid_client"}
        if asked is None or asked["code_challenge"] != challenge or form["redirect_uri"] != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        now = int(self.moment())
        header = {"alg": "RS256", "kid": self.kid}
        claims = {
            "iss": self.issuer, "sub": self.subject, "aud": CLIENT, "exp": now + 300, "iat": now, "nonce": asked["nonce"],
            "auth_time": int(self.auth_time or now), **self.claims,
        }  # fmt: skip
        forged = self.forge(header, claims) if self.forge else None
        signed = forged or jwt.encode(header, claims, drawn_key(self.kid), algorithms=["RS256"])
        return 200, {"access_token": "a", "token_type": "Bearer", "expires_in": 300, "id_token": signed}


class _Talk(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        provider: Provider = self.server.provider
        path = urlsplit(self.path).path
        provider.asked.append(path)
        time.sleep(provider.slow)
        match path:
            case "/.well-known/openid-configuration":
                self._answer(200, provider.description())
            case "/keys":
                self._answer(200, {"keys": [drawn_key(kid).as_dict(private=False) for kid in provider.published]})
            case "/authorize":
                self.send_response(302)
                self.send_header("Location", provider.authorize(self.path))
                self.end_headers()
            case _:
                self._answer(404, {})

    def do_POST(self) -> None:
        provider: Provider = self.server.provider
        provider.asked.append(self.path)
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        self._answer(*provider.token(form, self.headers.get("Authorization", "")))

    def _answer(self, status: int, told: dict[str, Any]) -> None:
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[Provider]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Talk)
    server.daemon_threads = True
    provider = Provider(port=server.server_port)
    server.provider = provider  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()


@cache
def other_curve() -> ECKey:
    return ECKey.generate_key("P-256", {"kid": "k1", "use": "sig"})
