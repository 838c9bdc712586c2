"""Who may register: admission, challenge, digest, lock-out, and a reason for every refusal (GB/T 28181-2022 9.1).

Sans-IO: an `Attempt` and the time come in, a `Verdict` goes out. The wire learns as little as possible, for an unknown
code, a disabled device and a wrong password look the same; the operator learns what exactly did not fit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from registry.device import Device
from registry.refusal import Refusal, RefusalSeen
from sipserver.below.certificates import Certificates
from sipserver.below.gatekeeper import Gatekeeper
from sipserver.below.lockout import Lockout, network_of
from sipserver.below.nonces import NonceMint, NonceState
from sipserver.below.retries import RetryWatch, Unanswered
from sipserver.below.settings import Admission, BelowSettings
from sipserver.sip.digest import Credentials, scheme_of

LONGEST_CODE = 64
LONGEST_SHOWN = 64
REGISTER = "REGISTER"


class Attempt(NamedTuple):
    """A REGISTER, as far as admission reads it. `host` and `port` are where it really came from."""

    code: str
    uri: str
    host: str
    port: int
    transport: str
    to_code: str = ""
    authorizations: tuple[str, ...] = ()
    user_agent: str = ""
    via: str = ""


@dataclass(frozen=True, slots=True)
class Challenged:
    """Answer 401 with one WWW-Authenticate for each of `algorithms`. `refusal` is for the operator, if any."""

    nonce: str
    algorithms: tuple[str, ...]
    stale: bool = False
    refusal: RefusalSeen | None = None


@dataclass(frozen=True, slots=True)
class ToProve:
    """Answer 401 with this WWW-Authenticate: it is to prove itself by its certificate."""

    challenge: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Answer 403, with Retry-After when `wait_s` is above 0."""

    refusal: RefusalSeen
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Granted:
    """It is who it says. `is_new` when nobody had added it and open admission lets it in."""

    is_new: bool = False


Verdict = Challenged | ToProve | Refused | Granted


@dataclass(frozen=True, slots=True)
class RegistrarStatistics:
    granted: int
    challenged: int
    refused: int
    locked: int
    """Sources that have failures on their account."""
    open_challenges: int
    used_nonces: int


class Registrar:
    """Judges attempts to register. Never raises on what came from the network.

    `key` and `noise` make the nonces; `now` everywhere is a clock that only grows, `at` is UNIX time for the records.
    """

    def __init__(
        self,
        settings: BelowSettings,
        *,
        key: bytes,
        noise: Callable[[int], bytes],
        certificates: Certificates | None = None,
    ) -> None:
        self._settings = settings
        self._certificates = certificates
        self._gatekeeper = Gatekeeper(
            allow_codes=settings.allow_codes,
            deny_codes=settings.deny_codes,
            allow_addresses=settings.allow_addresses,
            deny_addresses=settings.deny_addresses,
        )
        self._nonces = NonceMint(key, noise, life_s=settings.nonce_life_s)
        self._retries = RetryWatch(patience_s=settings.retry_patience_s, size=settings.unknown_sources)
        self._locks = Lockout(
            after=settings.lock_after,
            first_s=settings.lock_s,
            longest_s=settings.lock_longest_s,
            size=settings.unknown_sources,
        )
        # A source may be a whole site behind one NAT, so it never waits as long as a single stubborn device.
        self._source_locks = Lockout(
            after=settings.lock_source_after,
            first_s=settings.lock_s,
            longest_s=max(settings.lock_s, min(settings.lock_longest_s, 300.0)),
            size=settings.unknown_sources,
        )
        self._stand_in = noise(16).hex()
        self._granted = self._challenged = self._refused = 0

    def statistics(self) -> RegistrarStatistics:
        return RegistrarStatistics(
            self._granted,
            self._challenged,
            self._refused,
            len(self._locks),
            len(self._retries),
            len(self._nonces),
        )

    def judge(
        self, attempt: Attempt, device: Device | None, now: float, at: float, *, at_home: bool = False
    ) -> Verdict:
        """What to answer. `at_home` says that the device is registered from this very host, which spares it from
        waiting for the wrong passwords of its neighbours behind the same NAT."""
        verdict = self._judge(_Case(self._settings, attempt, device, now, at), at_home)
        match verdict:
            case Granted():
                self._granted += 1
            case Challenged() | ToProve():
                self._challenged += 1
            case Refused():
                self._refused += 1
        return verdict

    def due(self, now: float, at: float) -> list[RefusalSeen]:
        """Challenges whose answer never came. Call about once a second."""
        return [
            RefusalSeen(
                silent.code,
                Refusal.NO_RETRY,
                f"{silent.times} challenge{'s' if silent.times > 1 else ''} (401) sent to {silent.host}:{silent.port},"
                f" no REGISTER with credentials came back in {self._settings.retry_patience_s:g} s; the device"
                f" believes to be at {silent.via or 'an address it did not name'}. Either our 401 does not reach it"
                " (NAT, firewall) or no password is set in it",
                f"{silent.host}:{silent.port}",
                silent.transport,
                at,
                silent.user_agent,
                silent.times,
            )
            for silent in self._retries.due(now)
        ]

    def _judge(self, case: _Case, at_home: bool) -> Verdict:
        attempt, device = case.attempt, case.device
        early = self._at_the_gate(case)
        if early is not None:
            return early
        wait = self._locks.wait_s(case.lock_key, case.now)
        if wait <= 0 and not at_home:
            wait = self._source_locks.wait_s(case.network, case.now)
        if wait > 0:
            why = f"too many wrong passwords from {case.network}; it may try again in {wait:.0f} s"
            return Refused(case.seen(Refusal.LOCKED_OUT, why), wait)
        if not attempt.authorizations:
            if case.hidden is None:
                self._retries.challenged(
                    Unanswered(
                        attempt.code,
                        attempt.host,
                        attempt.port,
                        attempt.transport,
                        attempt.via,
                        attempt.user_agent,
                        1,
                    ),
                    case.now,
                )
            return self._challenge(case, refusal=None if case.hidden is None else case.seen(*case.hidden))
        was_challenged = self._retries.answered(attempt.code, attempt.host)
        if self._certificates is not None:
            verdict = self._by_certificate(case, self._certificates)
            if verdict is not None:
                return verdict
        try:
            credentials = _digest_of(attempt.authorizations)
        except ValueError as wrong:
            return self._challenge(case, refusal=case.seen(Refusal.MALFORMED_CREDENTIALS, str(wrong)))
        algorithm = (credentials.algorithm or "MD5").upper()
        offered = self._settings.algorithms_of(attempt.code)
        if algorithm not in offered:
            why = f"expected {' or '.join(offered)}, got {_shown(algorithm)}"
            return self._challenge(case, refusal=case.seen(Refusal.WRONG_ALGORITHM, why))
        return self._check(case, credentials, algorithm, was_challenged, device)

    def _by_certificate(self, case: _Case, certificates: Certificates) -> Verdict | None:
        """None when it brings no certificate's proof: then its password counts."""
        attempt = case.attempt
        for text in attempt.authorizations[:4]:
            scheme = scheme_of(text)
            if scheme != "capability" and scheme not in certificates.schemes:
                continue
            try:
                if scheme == "capability":
                    return ToProve(certificates.challenge(attempt.code, attempt.host, text, case.now))
                certificates.prove(attempt.code, attempt.host, text, case.now)
            except ValueError as wrong:
                self._locks.fail(case.lock_key, case.now)
                return self._challenge(case, refusal=case.seen(Refusal.WRONG_CERTIFICATE, str(wrong)))
            if case.hidden is not None:
                reason, why = case.hidden
                return self._challenge(case, refusal=case.seen(reason, f"{why}; its certificate is right"))
            self._locks.succeed(case.lock_key)
            return Granted(is_new=case.device is None)
        return None

    def _at_the_gate(self, case: _Case) -> Refused | None:
        attempt = case.attempt
        malformed = _malformed(attempt.code)
        if malformed is not None and case.device is None:
            return Refused(case.seen(Refusal.MALFORMED_CODE, malformed))
        turned_away = self._gatekeeper.turn_away(attempt.code, attempt.host)
        if turned_away is not None:
            return Refused(case.seen(*turned_away))
        if attempt.to_code and attempt.to_code != attempt.code:
            why = f"From says {attempt.code}, To says {_shown(attempt.to_code)}; one device registers only itself"
            return Refused(case.seen(Refusal.CODE_MISMATCH, why))
        return None

    def _check(
        self, case: _Case, credentials: Credentials, algorithm: str, was_challenged: bool, device: Device | None
    ) -> Verdict:
        count = _count(credentials)
        state = self._nonces.judge(credentials.nonce, case.attempt.host, case.now, count=count)
        if state is NonceState.FOREIGN:
            # Whether the rest is right is not looked at: else one could try passwords here without being counted.
            if not was_challenged:
                return self._challenge(case, stale=True)
            why = f"it answered our challenge with a nonce that we never gave to {case.attempt.host}"
            return self._challenge(case, stale=True, refusal=case.seen(Refusal.NONCE_UNKNOWN, why))
        which, secret = self._secret_for(device)
        fits = credentials.is_right(secret or self._stand_in, REGISTER) and secret is not None
        if not fits:
            self._nonces.spend(credentials.nonce, case.now, count=None)
            return self._wrong(case, credentials, algorithm, which, secret)
        if state is NonceState.EXPIRED:
            return self._challenge(case, stale=True)
        if state is NonceState.REPLAYED:
            why = "the answer is right, but its nonce has served before: a repeated or a recorded REGISTER"
            return self._challenge(case, stale=True, refusal=case.seen(Refusal.NONCE_REPLAYED, why))
        self._nonces.spend(credentials.nonce, case.now, count=count)
        if credentials.realm != self._settings.domain and not self._settings.any_realm:
            return self._challenge(case, refusal=case.seen(Refusal.WRONG_REALM, self._realm_words(credentials)))
        if case.hidden is not None:
            # It knows the secret, so this is no guessing and is not counted; the wire sees a wrong password.
            reason, why = case.hidden
            return self._challenge(case, refusal=case.seen(reason, f"{why}; its credentials fit {which}"))
        self._locks.succeed(case.lock_key)
        return Granted(is_new=device is None)

    def _secret_for(self, device: Device | None) -> tuple[str, str | None]:
        if device is not None and device.password is not None:
            return "the device's own password", device.password or None
        return "the common password", self._settings.common_password or None

    def _wrong(
        self, case: _Case, credentials: Credentials, algorithm: str, which: str, secret: str | None
    ) -> Challenged | Refused:
        failures = self._locks.fail(case.lock_key, case.now)
        if failures == 1:
            # A source is judged by how many codes it tried, else a few stubborn cameras lock their whole site out.
            self._source_locks.fail(case.network, case.now)
        reason, why = self._wrong_words(case, credentials, algorithm, which, secret)
        if failures >= self._settings.lock_after:
            wait = self._locks.wait_s(case.lock_key, case.now)
            return Refused(case.seen(reason, f"{why}; failure {failures} in a row, it must wait {wait:.0f} s"), wait)
        return self._challenge(case, refusal=case.seen(reason, f"{why}; failure {failures} in a row"))

    def _wrong_words(
        self, case: _Case, credentials: Credentials, algorithm: str, which: str, secret: str | None
    ) -> tuple[Refusal, str]:
        if case.hidden is not None:
            reason, why = case.hidden
            return reason, f"{why}; its credentials do not fit {which} either"
        context = (
            f"{algorithm}, user {_shown(credentials.username)}, realm {_shown(credentials.realm)},"
            f" digest uri {_shown(credentials.uri)}, request line {_shown(case.attempt.uri)}"
        )
        if secret is None:
            return Refusal.WRONG_PASSWORD, f"tried {which}, but none is set ({context})"
        if credentials.username != case.attempt.code:
            expected = f"expected user {case.attempt.code}, got {_shown(credentials.username)}"
            return Refusal.CODE_MISMATCH, f"{expected}; {which} does not fit ({context})"
        common = self._settings.common_password
        if secret != common and common and credentials.is_right(common, REGISTER):
            return Refusal.WRONG_PASSWORD, f"tried {which}; the answer would fit the common password ({context})"
        if credentials.realm != self._settings.domain:
            return Refusal.WRONG_REALM, f"{self._realm_words(credentials)}; {which} does not fit ({context})"
        return Refusal.WRONG_PASSWORD, f"tried {which} ({context})"

    def _realm_words(self, credentials: Credentials) -> str:
        return f"expected realm {self._settings.domain}, got {_shown(credentials.realm)}"

    def _challenge(self, case: _Case, *, stale: bool = False, refusal: RefusalSeen | None = None) -> Challenged:
        nonce = self._nonces.make(case.attempt.host, case.now)
        return Challenged(nonce, self._settings.algorithms_of(case.attempt.code), stale, refusal)


class _Case:
    """One attempt with what we know beside it."""

    __slots__ = ("at", "attempt", "device", "hidden", "lock_key", "network", "now")

    def __init__(self, settings: BelowSettings, attempt: Attempt, device: Device | None, now: float, at: float) -> None:
        self.attempt = attempt
        self.device = device
        self.now = now
        self.at = at
        self.network = network_of(attempt.host)
        # What failed against an old password does not speak against a new one: the key changes with what we expect.
        expected = hash((device is None, device is not None and device.enabled, device and device.password))
        self.lock_key = f"{attempt.code}|{self.network}|{expected}"
        self.hidden = _hidden(settings, attempt.code, device)

    def seen(self, reason: Refusal, detail: str) -> RefusalSeen:
        attempt = self.attempt
        return RefusalSeen(
            attempt.code[:LONGEST_CODE],
            reason,
            detail,
            f"{attempt.host}:{attempt.port}",
            attempt.transport,
            self.at,
            attempt.user_agent[:128],
        )


def granted_expiry_s(settings: BelowSettings, header: str | None, contact: str | None) -> int:
    """The expiry to grant, 0 for a deregistration. `header` is Expires, `contact` the Contact's `expires=`.

    Expires first, then Contact, then the default; what is no number counts as missing (signalling 10.2).
    """
    for text in (header, contact):
        wish = (text or "").strip()
        if wish.isascii() and wish.isdigit():
            seconds = int(wish[:10])
            return 0 if seconds == 0 else min(max(seconds, settings.expires_min_s), settings.expires_max_s)
    return settings.expires_default_s


def _hidden(settings: BelowSettings, code: str, device: Device | None) -> tuple[Refusal, str] | None:
    """Why this code may not register even with the right password, which the wire must not see."""
    if device is None:
        if settings.admission is Admission.OPEN:
            return None
        return Refusal.UNKNOWN_DEVICE, f"nobody has added {code} here, and admission is closed"
    if not device.enabled:
        return Refusal.DISABLED, f"{code} is switched off here"
    return None


def _malformed(code: str) -> str | None:
    if len(code) == 20 and code.isascii() and code.isdigit():
        return None
    if not code:
        return "expected a code of 20 digits in From, got none"
    return f"expected a code of 20 digits in From, got {_shown(code)} ({len(code)} characters)"


def _digest_of(authorizations: tuple[str, ...]) -> Credentials:
    """The first Digest among the Authorization headers. Raises ValueError with words for the operator."""
    first_wrong = None
    for text in authorizations[:4]:
        scheme = scheme_of(text)
        if scheme != "digest":
            first_wrong = first_wrong or f"expected Digest credentials, got {_shown(scheme) or 'nothing'}"
            continue
        try:
            credentials = Credentials.parse(text)
        except ValueError as wrong:
            first_wrong = f"its Digest credentials cannot be read: {_shown(str(wrong))}"
            continue
        if not credentials.qop or (credentials.qop.lower() == "auth" and credentials.nc and credentials.cnonce):
            return credentials
        first_wrong = f"expected no qop or auth with nc and cnonce, got qop {_shown(credentials.qop)}"
    raise ValueError(first_wrong or "expected Digest credentials, got nothing")


def _count(credentials: Credentials) -> int | None:
    """nc as a number; None without qop. An nc that is no number counts as used up."""
    if not credentials.qop:
        return None
    try:
        return int(credentials.nc or "", 16)
    except ValueError:
        return 0


def _shown(text: str) -> str:
    """Foreign text cut and cleaned for eyes."""
    cut = "".join(letter if letter.isprintable() else "?" for letter in text[:LONGEST_SHOWN])
    return cut + ("..." if len(text) > LONGEST_SHOWN else "")
