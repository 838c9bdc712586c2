"""Registration by certificate, the high security level of GB/T 28181-2016 (9.1.2.2, signalling 3.8).

The 2022 edition left this to GB 35114. Whatever proves a device by keys stands behind `Certificates`: the registrar
knows no key, no file and no cipher.
"""

from __future__ import annotations

import hmac
import logging
import secrets
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import NoDigestInfo
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from sipserver.sip.header import cut_outside_quotes, unquoted
from sipserver.sip.note import HASHES, SPELLINGS

log = logging.getLogger(__name__)

OWN_KEY, AUTHORITY, REVOKED = "own.key", "ca.pem", "revoked.pem"
CIPHER = "RSA/ECB/PKCS1"
HASH_ORDER = ("SHA-256", "SHA-1", "MD5")
OPEN_LIFE_S = 60.0
MOST_OPEN = 10_000
LARGEST_FILE = 65_536
LONGEST_HEADER = 4_096


class Certificates(Protocol):
    """Another proof than a password. Both methods raise ValueError with words for the operator."""

    schemes: frozenset[str]
    """The schemes of Authorization, in lower case, that bring the proof."""

    def challenge(self, code: str, host: str, capability: str, now: float) -> str:
        """The WWW-Authenticate for a device at `host` that told by `Capability` what it can do."""

    def prove(self, code: str, host: str, authorization: str, now: float) -> None:
        """Comes back when the device answered its challenge rightly."""


@dataclass(frozen=True, slots=True)
class _Open:
    nonce: str
    secret: bytes
    hash: str
    until: float


class RsaCertificates:
    """2016's `Capability` and `Asymmetric`, with X.509 certificates in a folder: `CODE.pem` of each device, our
    `own.key`, and if they are there `ca.pem` that must have issued them and `revoked.pem`, a list of the revoked.

    A secret goes out under the device's public key, its digest under our private one; whoever can say the digest of
    secret and nonce holds the device's key. A challenge serves once.
    """

    schemes = frozenset(("asymmetric",))

    def __init__(
        self,
        folder: Path,
        *,
        noise: Callable[[int], bytes] = secrets.token_bytes,
        today: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Raises OSError and ValueError when our own key cannot be read."""
        self._folder = folder
        self._noise = noise
        self._today = today
        key = load_pem_private_key(_read(folder / OWN_KEY), None)
        if not isinstance(key, RSAPrivateKey):
            raise ValueError(f"{OWN_KEY} holds no RSA key")
        self._key = key
        self._open: OrderedDict[tuple[str, str], _Open] = OrderedDict()

    def challenge(self, code: str, host: str, capability: str, now: float) -> str:
        hashed = agreed_hash(capability)
        theirs = self._public_key(code)
        secret = self._noise(16).hex().encode("ascii")
        digest = bytes.fromhex(HASHES[hashed](secret))
        ours = self._key.sign(digest, PKCS1v15(), NoDigestInfo())
        nonce = f"{b64encode(ours).decode()}&{b64encode(theirs.encrypt(secret, PKCS1v15())).decode()}"
        self._open[code, host] = _Open(nonce, secret, hashed, now + OPEN_LIFE_S)
        self._open.move_to_end((code, host))
        if len(self._open) > MOST_OPEN:
            self._open.popitem(last=False)
        return f'Asymmetric nonce="{nonce}",algorithm="A:{CIPHER}&{hashed.replace("-", "")}"'

    def prove(self, code: str, host: str, authorization: str, now: float) -> None:
        challenged = self._open.pop((code, host), None)
        if challenged is None or now > challenged.until:
            raise ValueError("it answers a challenge that is not open; expected Capability first")
        said = parameters(authorization)
        if said.get("nonce") != challenged.nonce:
            raise ValueError("its nonce is not the one of its challenge")
        expected = HASHES[challenged.hash](challenged.secret + challenged.nonce.encode("ascii"))
        if not hmac.compare_digest(_hexadecimal(said.get("response", "")), expected):
            raise ValueError(f"its response does not fit the certificate in {code}.pem ({challenged.hash})")

    def _public_key(self, code: str) -> RSAPublicKey:
        if not (code.isascii() and code.isdigit()):  # it becomes a file's name
            raise ValueError("a certificate belongs to a code of digits")
        try:
            certificate = x509.load_pem_x509_certificate(_read(self._folder / f"{code}.pem"))
        except FileNotFoundError:
            raise ValueError(f"there is no certificate {code}.pem") from None
        except (OSError, ValueError) as wrong:
            raise ValueError(f"{code}.pem cannot be read: {wrong}") from None
        self._check(certificate, code)
        key = certificate.public_key()
        if not isinstance(key, RSAPublicKey):
            raise ValueError(f"{code}.pem holds no RSA key")
        return key

    def _check(self, certificate: x509.Certificate, code: str) -> None:
        today = self._today()
        if not certificate.not_valid_before_utc <= today <= certificate.not_valid_after_utc:
            until = certificate.not_valid_after_utc
            raise ValueError(f"{code}.pem is not valid today; it ends {until:%Y-%m-%d}")
        authority = self._folder / AUTHORITY
        if authority.exists():
            issuer = x509.load_pem_x509_certificate(_read(authority))
            try:
                certificate.verify_directly_issued_by(issuer)
            except (InvalidSignature, TypeError, ValueError, UnsupportedAlgorithm):
                raise ValueError(f"{code}.pem was not issued by {AUTHORITY}") from None
        revoked = self._folder / REVOKED
        if revoked.exists():
            listed = x509.load_pem_x509_crl(_read(revoked))
            if listed.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None:
                raise ValueError(f"{code}.pem is revoked")


def agreed_hash(capability: str) -> str:
    """The best hash that both know. ValueError when the device lacks RSA, or every hash of ours.

    >>> agreed_hash('Capability algorithm="A:RSA/ECB/PKCS1;H:SHA1,MD5;S:DES/ECB/PKCS5"')
    'SHA-1'
    """
    lists: dict[str, list[str]] = {}
    kind = ""
    # The prose sets commas between the three lists, the sample semicolons: a list begins where "A:", "H:", "S:" stand.
    for item in parameters(capability).get("algorithm", "").replace(";", ",").split(","):
        head, colon, rest = item.strip().partition(":")
        if colon and head.upper() in ("A", "H", "S"):
            kind, item = head.upper(), rest
        lists.setdefault(kind, []).append(item.strip().upper())
    if CIPHER not in lists.get("A", ()):
        raise ValueError(f"it offers {', '.join(lists.get('A', ())) or 'no cipher'}; expected {CIPHER}")
    offered = {SPELLINGS.get(name, name) for name in lists.get("H", ())}
    for hashed in HASH_ORDER:
        if hashed in offered:
            return hashed
    raise ValueError(f"it offers the hashes {', '.join(sorted(offered)) or 'none'}; expected {', '.join(HASH_ORDER)}")


def parameters(authorization: str) -> dict[str, str]:
    """The parameters of an Authorization of any scheme. Raises ValueError."""
    if len(authorization) > LONGEST_HEADER:
        raise ValueError("the header is too long")
    _, _, rest = authorization.strip().partition(" ")
    found: dict[str, str] = {}
    for piece in cut_outside_quotes(rest, ","):
        name, equals, value = piece.partition("=")
        if equals:
            found.setdefault(name.strip().lower(), unquoted(value.strip()))
    return found


def _hexadecimal(response: str) -> str:
    """The text does not say how the digest is printed: hexadecimal digits or BASE64."""
    lowered = response.strip().lower()
    if lowered and all(letter in "0123456789abcdef" for letter in lowered):
        return lowered
    try:
        return b64decode(response, validate=True).hex()
    except (NotBase64, ValueError):
        return ""


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise ValueError(f"{path.name} is larger than {LARGEST_FILE} bytes")
    return data
