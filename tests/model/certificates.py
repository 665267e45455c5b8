"""An authority that certifies servers for as long as a test runs."""

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LIFE = datetime.timedelta(hours=1)


@dataclass(frozen=True)
class Certified:
    """A server's key and certificate in PEM."""

    key: bytes
    certificate: bytes

    def write(self, directory: Path) -> tuple[Path, Path]:
        """Certificate and key, as files."""
        certificate, key = directory / "tls.crt", directory / "tls.key"
        certificate.write_bytes(self.certificate)
        key.write_bytes(self.key)
        return certificate, key


class Authority:
    """pem: its own certificate, which clients trust."""

    def __init__(self, name: str = "test authority") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        builder = _builder(self._name, issuer=self._name, key=self._key)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        usage = x509.KeyUsage(*(each in (5, 6) for each in range(9)))  # to sign certificates and lists of revoked ones
        self._certificate = builder.add_extension(usage, critical=True).sign(self._key, hashes.SHA256())
        self.pem = self._certificate.public_bytes(serialization.Encoding.PEM)

    def certify(self, *hosts: str) -> Certified:
        """For host names and IP addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_named(hosts[0]), issuer=self._name, key=key)
        alternatives = x509.SubjectAlternativeName([_alternative(host) for host in hosts])
        signed = builder.add_extension(alternatives, critical=False).sign(self._key, hashes.SHA256())
        plain = serialization.NoEncryption()
        private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        return Certified(private, signed.public_bytes(serialization.Encoding.PEM))


def _builder(subject: x509.Name, *, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - LIFE)
        .not_valid_after(now + LIFE)
    )


def _named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
