"""A broker that lets nobody in without a name, and nobody do what the ACLs do not grant.

Two listeners: mutual TLS, whose principal is the certificate's common name, and SCRAM over TLS.
The certificates are made here. Only `admin` and the broker itself may do everything.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from workers.broker import local_broker
from workers.broker.ports import free_port
from workers.broker.properties import HOST

SCRAM_LOGIN = "org.apache.kafka.common.security.scram.ScramLoginModule required;"


class Authority:
    """A certificate authority of its own, with the folder that its files lie in."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("stylecast-test-authority")
        certificate = (
            _builder(self._name, self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False
            )
            .add_extension(_usage(signs_certificates=True), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self._pem = certificate.public_bytes(serialization.Encoding.PEM)
        self.certificate = folder / "ca.pem"
        self.certificate.write_bytes(self._pem)

    def issue(self, name: str) -> tuple[Path, Path]:
        """The certificate and the key of a name, good for the loopback; also both in one file."""
        key = ec.generate_private_key(ec.SECP256R1())
        issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        address = x509.IPAddress(ipaddress.ip_address(HOST))
        certificate = (
            _builder(_name(name), self._name, key.public_key())
            .add_extension(x509.SubjectAlternativeName([address]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(issuer_key, critical=False)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        secret = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        public = certificate.public_bytes(serialization.Encoding.PEM)
        files = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        files[0].write_bytes(public)
        files[1].write_bytes(secret)
        self.chain(name).write_bytes(secret + public + self._pem)
        return files

    def chain(self, name: str) -> Path:
        """Key, certificate and authority in one file, as the broker wants them."""
        return self.folder / f"{name}.chain.pem"


@dataclass(frozen=True)
class SecureBroker:
    """The addresses of the two listeners, and what a client needs to use them."""

    authority: Authority
    mutual_tls: str
    scram: str

    def by_certificate(self, name: str) -> dict[str, str]:
        """Settings of a client that shows a certificate; its principal is `User:CN=<name>`."""
        certificate, key = self.authority.issue(name)
        return {
            "bootstrap_servers": self.mutual_tls,
            "security_protocol": "ssl",
            "ssl_ca_location": str(self.authority.certificate),
            "ssl_certificate_location": str(certificate),
            "ssl_key_location": str(key),
        }

    def by_password(self, name: str, password: str) -> dict[str, str]:
        """Settings of a client that knows a password; its principal is `User:<name>`."""
        return {
            "bootstrap_servers": self.scram,
            "security_protocol": "sasl_ssl",
            "ssl_ca_location": str(self.authority.certificate),
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_username": name,
            "sasl_password": password,
        }

    def add_users(self, passwords: Mapping[str, str]) -> None:
        """Make these users known, by the administrator's certificate."""
        fields = self.by_certificate("admin")
        admin = AdminClient({name.replace("_", "."): value for name, value in fields.items()})
        kind = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        changes = [
            UserScramCredentialUpsertion(name, kind, password.encode())
            for name, password in passwords.items()
        ]
        for done in admin.alter_user_scram_credentials(changes).values():
            done.result(30)


@contextmanager
def secure_broker(folder: Path) -> Iterator[SecureBroker]:
    """A broker with ACLs, until the block is left."""
    authority = Authority(folder / "certificates")
    authority.issue("broker")
    port, scram_port, controller_port = free_port(), free_port(), free_port()
    properties = {
        "controller.quorum.voters": f"1@{HOST}:{controller_port}",
        "listeners": f"MTLS://{HOST}:{port},SCRAM://{HOST}:{scram_port},"
        f"CONTROLLER://{HOST}:{controller_port}",
        "advertised.listeners": f"MTLS://{HOST}:{port},SCRAM://{HOST}:{scram_port}",
        "listener.security.protocol.map": "MTLS:SSL,SCRAM:SASL_SSL,CONTROLLER:SSL",
        "inter.broker.listener.name": "MTLS",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": authority.chain("broker"),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": authority.certificate,
        "listener.name.mtls.ssl.client.auth": "required",
        "listener.name.controller.ssl.client.auth": "required",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.scram.scram-sha-512.sasl.jaas.config": SCRAM_LOGIN,
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "false",
        "super.users": "User:CN=admin;User:CN=broker",
    }
    broker = SecureBroker(authority, f"{HOST}:{port}", f"{HOST}:{scram_port}")
    fields = broker.by_certificate("admin")
    client = {name.replace("_", "."): value for name, value in fields.items()}
    with local_broker(folder / "kafka", port, client=client, **properties):
        yield broker


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
