"""librdkafka's security properties in Faust's words, so that one setting serves all workers."""

from __future__ import annotations

import ssl
from typing import Any

from faust import SASLCredentials, SSLCredentials

from stylecore.errors import SettingsError
from workers.settings import KafkaSettings


def credentials(settings: KafkaSettings) -> Any | None:
    """Faust's credentials, None for a plain connection. Raises SettingsError."""
    given = settings.librdkafka()
    protocol = str(given.get("security.protocol", "plaintext")).lower()
    if protocol == "plaintext":
        return None
    context = _context(given) if protocol.endswith("ssl") else None
    if protocol == "ssl":
        return SSLCredentials(context)
    if protocol not in {"sasl_plaintext", "sasl_ssl"}:
        raise SettingsError(f"setting STYLECAST_KAFKA__SECURITY_PROTOCOL: no {protocol!r} is known")
    return SASLCredentials(
        username=given.get("sasl.username"),
        password=given.get("sasl.password"),
        mechanism=given.get("sasl.mechanism", given.get("sasl.mechanisms", "PLAIN")),
        ssl_context=context,
    )


def _context(given: dict[str, Any]) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=given.get("ssl.ca.location"))
        if certificate := given.get("ssl.certificate.location"):
            context.load_cert_chain(
                certificate, given.get("ssl.key.location"), given.get("ssl.key.password")
            )
    except OSError as problem:
        raise SettingsError(f"setting STYLECAST_KAFKA__SSL_…_LOCATION: {problem}") from problem
    return context
