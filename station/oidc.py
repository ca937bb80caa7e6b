"""Signing in at the company's own provider of identities: OpenID Connect Core 1.0, authorization code with PKCE (RFC 7636, RFC 9700).

What a provider says counts only as a signed token made for us, for this browser, now. Who that is here, `station.people` says.
"""

import base64
import binascii
import hmac
import json
import logging
import secrets
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwk, jwt
from joserfc.errors import JoseError

from config.settings import Provider, keeps_secrets
from station import outgoing

log = logging.getLogger("sceau.web")

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA", "Ed25519", "RS384", "PS384", "ES384", "RS512", "PS512", "ES512")
"""Signatures with a key of the provider's own: never "none", never HMAC, whose key would be our secret or, by confusion, a public key."""
FLOW_SECONDS = 600.0
"""From leaving for the provider to coming back."""
LEEWAY = 60
"""Seconds by which the provider's clock may differ."""
FRESH_SECONDS = 120
"""How lately somebody must have shown who they are, where we asked that they do it again."""
METADATA_SECONDS = 3600.0
KEYS_REST = 15.0
"""Unknown keys make us ask for the provider's keys again, no more often than this."""
MOST_BYTES = 512 * 1024
MOST_USED = 10_000


class NotProven(Exception):
    """Nobody was shown; `reason` is one of "away", "declined", "strange", "late", "used", "token". Nothing was changed."""

    def __init__(self, reason: str, told: str) -> None:
        super().__init__(f"{reason}: {told}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Flow:
    """What a browser keeps from leaving for the provider until it comes back: signed by us, and good once."""

    state: str
    nonce: str
    verifier: str
    begun: float
    """Seconds since 1970."""
    to: str
    language: str = ""
    again: str = ""
    """Pseudonym of who shows again who they are; empty: whoever it is signs in."""
    visit: str = ""
    """Number of the visit that ends then."""


@dataclass(frozen=True, slots=True)
class Shown:
    """Who came back, as the provider signed it."""

    issuer: str
    subject: str
    claims: Mapping[str, Any]

    @property
    def auth_time(self) -> float | None:
        found = self.claims.get("auth_time")
        return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None

    def is_fresh(self, now: float) -> bool:
        """Whether the provider says that they showed it who they are a moment ago; it may let somebody in without asking anything."""
        return self.auth_time is not None and now - FRESH_SECONDS - LEEWAY <= self.auth_time <= now + LEEWAY

    def email(self, *, trusted: bool) -> str | None:
        """The address, where the provider says that it is verified, or the settings that it always is; in lower case."""
        address = self.claims.get("email")
        verified = self.claims.get("email_verified")
        if not isinstance(address, str) or "@" not in address or not (verified is True or (trusted and verified is None)):
            return None
        return address.strip().lower()

    def carries(self, claim: str, value: str) -> bool:
        """Whether a claim is this value, or a list that holds it."""
        found = self.claims.get(claim)
        return found == value or (isinstance(found, list) and value in found)


class _Client(OAuth2Session):  # type: ignore[misc] # Authlib brings no types
    """Authlib's client, every connection of which goes through our door; it follows no redirection with our secret in hand."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002 whatever it says
        return None


class Relying:
    """Our side of one provider. Keeps what it published for an hour; safe between threads. `moment` gives seconds since 1970."""

    def __init__(self, provider: Provider, secret: str, back: str, private_hosts: Collection[str], moment: Callable[[], float]) -> None:
        self.provider, self._secret, self.back, self._private, self._moment = provider, secret, back, private_hosts, moment
        self._lock = threading.Lock()
        self._metadata: tuple[float, dict[str, Any]] | None = None
        self._keys: tuple[float, list[dict[str, Any]]] | None = None
        self._used: dict[str, float] = {}

    # --- there ---

    def begin(self, to: str, *, language: str = "", again: str = "", visit: str = "") -> tuple[str, Flow]:
        """Address of the provider to go to, and what the browser keeps meanwhile. Raises NotProven."""
        flow = Flow(
            secrets.token_urlsafe(24), secrets.token_urlsafe(24), secrets.token_urlsafe(48), self._moment(), to, language, again, visit
        )
        place = str(self._told()["authorization_endpoint"])
        asked = {"nonce": flow.nonce, "prompt": "login", "max_age": "0"} if again else {"nonce": flow.nonce}
        with self._client() as client:
            address, _ = client.create_authorization_url(place, state=flow.state, code_verifier=flow.verifier, **asked)
        return str(address), flow

    def leaving(self, back: str) -> str | None:
        """Where somebody signs out at the provider, too (RP-Initiated Logout 1.0); None: it offers none. Raises NotProven."""
        place = self._told().get("end_session_endpoint")
        if not isinstance(place, str) or not keeps_secrets(place):
            return None
        joined = "&" if "?" in place else "?"
        return place + joined + urlencode({"client_id": self.provider.client_id, "post_logout_redirect_uri": back})

    # --- and back ---

    def finish(self, flow: Flow, answer: Mapping[str, str]) -> Shown:
        """Who came back. `flow`: what this browser kept; `answer`: the fields of the address. Raises NotProven."""
        # 1. This browser left for this answer, lately, and did not come back with it before.
        if not hmac.compare_digest(flow.state.encode(), answer.get("state", "").encode()):
            raise NotProven("strange", "state")
        if not 0 <= self._moment() - flow.begun + LEEWAY <= FLOW_SECONDS + LEEWAY:
            raise NotProven("late", "flow")
        if not self._take(flow.state):
            raise NotProven("used", "state")
        # 2. The answer is this provider's and no other's (mix-up, RFC 9207).
        told = self._told()
        named = answer.get("iss")
        if named != told["issuer"] if named else told.get("authorization_response_iss_parameter_supported") is True:
            raise NotProven("strange", "iss")
        if "error" in answer or not answer.get("code"):
            raise NotProven("declined", answer.get("error", "no code")[:80])
        # 3. The code gives a token, to us alone.
        token = self._token(answer["code"], flow.verifier)
        # 4. The token is signed, ours, of now, and of this browser.
        return self._shown(token, flow)

    def _take(self, state: str) -> bool:
        """Whether it serves for the first time; what is too old to serve anyway is forgotten."""
        with self._lock:
            now = self._moment()
            self._used = {each: at for each, at in self._used.items() if now - at <= 2 * FLOW_SECONDS}
            if state in self._used or len(self._used) >= MOST_USED:
                return False
            self._used[state] = now
            return True

    def _token(self, code: str, verifier: str) -> Mapping[str, Any]:
        try:
            with self._client() as client:
                token = client.fetch_token(
                    str(self._told()["token_endpoint"]), grant_type="authorization_code", code=code, code_verifier=verifier
                )
        except AuthlibBaseError as error:
            raise NotProven("declined", f"{error.error}"[:80]) from error
        except (requests.RequestException, OSError, ValueError, outgoing.NotAllowed) as error:
            raise NotProven("away", f"token endpoint: {type(error).__name__}") from error
        if not isinstance(token, dict) or not isinstance(token.get("id_token"), str):
            raise NotProven("token", "no id_token")
        return token

    def _shown(self, token: Mapping[str, Any], flow: Flow) -> Shown:
        header, claims = self._verified(str(token["id_token"]))
        told, ours = self._told(), self.provider.client_id
        options: Any = {"iss": {"essential": True, "value": told["issuer"]}, "aud": {"essential": True, "value": ours}}
        params = {"nonce": flow.nonce, "client_id": ours, "access_token": token.get("access_token")}
        now = int(self._moment())
        try:
            CodeIDToken(claims, header, options, params).validate(now=now, leeway=LEEWAY)
        except (JoseError, AuthlibBaseError, TypeError, ValueError) as error:
            raise NotProven("token", f"{type(error).__name__} {getattr(error, 'claim', '')}".strip()) from error
        subject = claims["sub"]
        if not isinstance(subject, str) or not 0 < len(subject) <= 255:
            raise NotProven("token", "sub")
        if not isinstance(claims["iat"], int | float) or abs(now - claims["iat"]) > FLOW_SECONDS + LEEWAY:
            raise NotProven("token", "iat")
        shown = Shown(str(told["issuer"]), subject, claims)
        if flow.again and not shown.is_fresh(now):
            raise NotProven("token", "auth_time")
        return shown

    def _verified(self, token: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Header and claims, once a key of the provider's fits; keys that changed meanwhile are fetched."""
        header = header_of(token)
        offered = self._told().get("id_token_signing_alg_values_supported")
        algorithm = header.get("alg")
        if algorithm not in ALGORITHMS or (isinstance(offered, list) and algorithm not in offered):
            raise NotProven("token", "alg")
        for fresh in (False, True):
            for key in fitting(self._key_set(fresh=fresh), header.get("kid")):
                try:
                    return header, dict(jwt.decode(token, jwk.import_key(key), algorithms=[str(algorithm)]).claims)
                except (JoseError, ValueError, TypeError, KeyError, binascii.Error):
                    continue  # Not this key's signature, or not a key for it.
        raise NotProven("token", "signature")

    # --- what the provider publishes ---

    def _told(self) -> dict[str, Any]:
        """Its own description (OpenID Connect Discovery 1.0). Raises NotProven."""
        with self._lock:
            kept = self._metadata
        if kept is not None and time.monotonic() - kept[0] < METADATA_SECONDS:
            return kept[1]
        told = self._get(self.provider.issuer.rstrip("/") + "/.well-known/openid-configuration")
        if told.get("issuer") != self.provider.issuer:
            raise NotProven("away", "discovery: another issuer")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            if not isinstance(told.get(name), str) or not keeps_secrets(told[name]):
                raise NotProven("away", f"discovery: {name}")
        with self._lock:
            self._metadata = (time.monotonic(), told)
        return told

    def _key_set(self, *, fresh: bool) -> list[dict[str, Any]]:
        with self._lock:
            kept = self._keys
        age = time.monotonic() - kept[0] if kept is not None else METADATA_SECONDS
        if kept is not None and age < (KEYS_REST if fresh else METADATA_SECONDS):
            return [] if fresh else kept[1]
        found = self._get(str(self._told()["jwks_uri"])).get("keys")
        keys = [key for key in found if isinstance(key, dict)] if isinstance(found, list) else []
        with self._lock:
            self._keys = (time.monotonic(), keys)
        return keys

    def _get(self, url: str) -> dict[str, Any]:
        try:
            target = outgoing.checked(url, self._may_be_private(url))
            answer = outgoing.fetch(target, self.provider.seconds, most=MOST_BYTES, headers={"Accept": "application/json"})
            told = json.loads(answer.body) if answer.status == 200 else None
        except (OSError, outgoing.NotAllowed, ValueError) as error:
            raise NotProven("away", f"{urlsplit(url).hostname}: {type(error).__name__}") from error
        if not isinstance(told, dict):
            raise NotProven("away", f"{urlsplit(url).hostname}: HTTP {answer.status}")
        return told

    def _may_be_private(self, url: str) -> bool:
        """The settings name the issuer's own host; wherever else its description points must be public, or named by them, too."""
        return urlsplit(url).hostname == urlsplit(self.provider.issuer).hostname or outgoing.is_private_host(url, self._private)

    def _client(self) -> _Client:
        told = self._told()
        client = _Client(
            client_id=self.provider.client_id,
            client_secret=self._secret or None,
            token_endpoint_auth_method=auth_method(told.get("token_endpoint_auth_methods_supported"), bool(self._secret)),
            scope=self.provider.scope,
            redirect_uri=self.back,
            code_challenge_method="S256",
        )
        outgoing.guard(client, self._may_be_private(str(told["token_endpoint"])), self.provider.seconds, most=MOST_BYTES)
        return client


def auth_method(offered: object, has_secret: bool) -> str:
    """How we show the provider that it is us: by its list, else as the standard's default says (Discovery 1.0, 3)."""
    if not has_secret:
        return "none"
    basic = not isinstance(offered, list) or "client_secret_basic" in offered or "client_secret_post" not in offered
    return "client_secret_basic" if basic else "client_secret_post"


def header_of(token: str) -> dict[str, Any]:
    """Of a signed token in its compact form, nothing checked yet. Raises NotProven."""
    parts = token.split(".")
    try:
        header = json.loads(base64.urlsafe_b64decode(parts[0] + "=" * (-len(parts[0]) % 4)))
    except (ValueError, binascii.Error) as error:
        raise NotProven("token", "header") from error
    if len(parts) != 3 or not isinstance(header, dict):
        raise NotProven("token", "header")
    return header


def fitting(keys: Sequence[dict[str, Any]], kid: object) -> list[dict[str, Any]]:
    """Public signing keys that may have made a signature: the one that is named, or all where none is."""
    usable = [key for key in keys if key.get("kty") in {"RSA", "EC", "OKP"} and key.get("use", "sig") == "sig"]
    return [key for key in usable if kid is None or key.get("kid") == kid]
