"""2016's registration by certificate, with keys and certificates made here and the device's half written by hand."""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from sipserver.below.certificates import RsaCertificates, agreed_hash, parameters

CODE = "34020000001320000001"
HOST = "10.0.0.9"
CAPABILITY = 'Capability algorithm="A:RSA/ECB/PKCS1;H:SHA1,MD5;S:DES/ECB/PKCS5"'
TODAY = datetime(2026, 6, 1, tzinfo=UTC)


def named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


class Folder:
    """An authority, our key and a device's certificate in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = rsa.generate_private_key(65537, 2048)
        self.ours = rsa.generate_private_key(65537, 2048)
        self.device = rsa.generate_private_key(65537, 2048)
        (folder / "own.key").write_bytes(
            self.ours.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        )
        self.certificate = self.issue(self.authority)

    def issue(self, by: rsa.RSAPrivateKey, days: int = 365) -> x509.Certificate:
        made = (
            x509.CertificateBuilder()
            .subject_name(named(CODE))
            .issuer_name(named("authority"))
            .public_key(self.device.public_key())
            .serial_number(77)
            .not_valid_before(TODAY - timedelta(days=10))
            .not_valid_after(TODAY + timedelta(days=days))
            .sign(by, hashes.SHA256())
        )
        (self.folder / f"{CODE}.pem").write_bytes(made.public_bytes(Encoding.PEM))
        return made

    def trust_only_the_authority(self) -> None:
        made = (
            x509.CertificateBuilder()
            .subject_name(named("authority"))
            .issuer_name(named("authority"))
            .public_key(self.authority.public_key())
            .serial_number(1)
            .not_valid_before(TODAY - timedelta(days=10))
            .not_valid_after(TODAY + timedelta(days=365))
            .sign(self.authority, hashes.SHA256())
        )
        (self.folder / "ca.pem").write_bytes(made.public_bytes(Encoding.PEM))

    def revoke(self) -> None:
        listed = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(named("authority"))
            .last_update(TODAY)
            .next_update(TODAY + timedelta(days=30))
            .add_revoked_certificate(x509.RevokedCertificateBuilder().serial_number(77).revocation_date(TODAY).build())
            .sign(self.authority, hashes.SHA256())
        )
        (self.folder / "revoked.pem").write_bytes(listed.public_bytes(Encoding.PEM))

    def certificates(self) -> RsaCertificates:
        return RsaCertificates(self.folder, today=lambda: TODAY)

    def answered(self, challenge: str, *, as_base64: bool = False) -> str:
        """What a device makes of a challenge, step by step as the text has it, checking our half."""
        said = parameters(challenge)
        digest, secret = (b64decode(part) for part in said["nonce"].split("&"))
        secret = self.device.decrypt(secret, PKCS1v15())
        recovered = self.ours.public_key().recover_data_from_signature(digest, PKCS1v15(), None)
        assert recovered == hashlib.sha1(secret).digest()
        response = hashlib.sha1(secret + said["nonce"].encode()).digest()
        shown = b64encode(response).decode() if as_base64 else response.hex()
        return f'Asymmetric nonce="{said["nonce"]}",response="{shown}",algorithm=SHA1'


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return Folder(Path(tmp_path_factory.mktemp("certificates")))


@pytest.fixture
def folder(kept: Folder) -> Folder:
    """The keys of the module, its files as at first."""
    for name in ("ca.pem", "revoked.pem"):
        (kept.folder / name).unlink(missing_ok=True)
    kept.certificate = kept.issue(kept.authority)
    return kept


@pytest.mark.parametrize("as_base64", [False, True])
def test_a_device_with_its_key_proves_itself(folder: Folder, as_base64: bool):
    certificates = folder.certificates()
    challenge = certificates.challenge(CODE, HOST, CAPABILITY, 0.0)
    assert challenge.startswith("Asymmetric nonce=") and 'algorithm="A:RSA/ECB/PKCS1&SHA1"' in challenge
    certificates.prove(CODE, HOST, folder.answered(challenge, as_base64=as_base64), 1.0)


def test_a_challenge_serves_once_its_own_host_and_not_for_ever(folder: Folder):
    certificates = folder.certificates()
    answer = folder.answered(certificates.challenge(CODE, HOST, CAPABILITY, 0.0))
    with pytest.raises(ValueError, match="not open"):
        certificates.prove(CODE, "10.0.0.66", answer, 1.0)
    certificates.prove(CODE, HOST, answer, 1.0)
    with pytest.raises(ValueError, match="not open"):
        certificates.prove(CODE, HOST, answer, 2.0)
    late = folder.answered(certificates.challenge(CODE, HOST, CAPABILITY, 0.0))
    with pytest.raises(ValueError, match="not open"):
        certificates.prove(CODE, HOST, late, 61.0)


def test_another_key_is_found_out(folder: Folder):
    certificates = folder.certificates()
    said = parameters(certificates.challenge(CODE, HOST, CAPABILITY, 0.0))
    guess = hashlib.sha1(b"guess").hexdigest()
    with pytest.raises(ValueError, match="does not fit the certificate"):
        certificates.prove(CODE, HOST, f'Asymmetric nonce="{said["nonce"]}",response="{guess}"', 1.0)


def test_a_certificate_of_nobody_we_trust_is_refused(folder: Folder):
    folder.trust_only_the_authority()
    folder.certificates().challenge(CODE, HOST, CAPABILITY, 0.0)
    folder.issue(rsa.generate_private_key(65537, 2048))
    with pytest.raises(ValueError, match="was not issued by"):
        folder.certificates().challenge(CODE, HOST, CAPABILITY, 0.0)


def test_a_revoked_or_old_certificate_is_refused(folder: Folder):
    folder.revoke()
    with pytest.raises(ValueError, match="revoked"):
        folder.certificates().challenge(CODE, HOST, CAPABILITY, 0.0)
    (folder.folder / "revoked.pem").unlink()
    folder.issue(folder.authority, days=-1)
    with pytest.raises(ValueError, match="not valid today"):
        folder.certificates().challenge(CODE, HOST, CAPABILITY, 0.0)


@pytest.mark.parametrize("code", ["34020000001320000009", "../../etc/passwd", "", "３４０２"])
def test_a_code_without_a_certificate_is_refused_and_names_no_other_file(folder: Folder, code: str):
    with pytest.raises(ValueError, match="certificate"):
        folder.certificates().challenge(code, HOST, CAPABILITY, 0.0)


@pytest.mark.parametrize(
    ("capability", "agreed"),
    [
        ('Capability algorithm="A:RSA/ECB/PKCS1;H:SHA1,MD5;S:DES/ECB/PKCS5"', "SHA-1"),
        ('Capability algorithm="A:RSA/ECB/PKCS1,RSA/CBC/PKCS1,H:SHA1,MD5,SHA256,S:DES/ECB/PKCS5"', "SHA-256"),
        ('Capability algorithm="A:RSA/ECB/PKCS1;H:MD5"', "MD5"),
    ],
)
def test_the_best_hash_that_both_know_is_agreed_on(capability: str, agreed: str):
    assert agreed_hash(capability) == agreed


@pytest.mark.parametrize(
    "capability",
    [
        "Capability",
        'Capability algorithm="A:SM2;H:SM3"',
        'Capability algorithm="A:RSA/ECB/PKCS1;H:CRC"',
        "Capability " + "a=1," * 2000,
    ],
)
def test_what_we_cannot_do_is_refused_in_words(capability: str):
    with pytest.raises(ValueError):
        agreed_hash(capability)


def test_without_a_key_of_our_own_there_are_no_certificates(tmp_path: Path):
    with pytest.raises(OSError):
        RsaCertificates(tmp_path)
