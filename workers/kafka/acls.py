"""Access rights from a file: read, printed for kafka-acls.sh, or granted on the cluster.

The file names parts of the fleet, each with its principals and the operations that they need by
resource. Further rights on the cluster are neither reported nor revoked.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)

from schemas.topics import TOPICS, dead_letter_topic
from stylecore.errors import SettingsError
from workers.kafka.admin import TIMEOUT_SECONDS, Refused, admin_client, answer
from workers.kafka.topics import topic_name
from workers.settings import Settings

Operation = Literal["read", "write", "create", "describe", "describe_configs", "delete"]
Rights = dict[str, list[Operation]]

KINDS = {"topics": "topic", "groups": "group", "transactional_ids": "transactional-id"}
"""Resource types in the file to those of kafka-acls.sh."""
TYPES = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "transactional-id": ResourceType.TRANSACTIONAL_ID,
}


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rights of one part of the fleet."""

    principals: list[str]
    topics: Rights = {}
    groups: Rights = {}
    transactional_ids: Rights = {}


class Grant(msgspec.Struct, frozen=True):
    """One right: a principal, an operation, and the resource by its name on the cluster."""

    principal: str
    operation: Operation
    kind: str
    name: str
    is_prefix: bool

    def __str__(self) -> str:
        """Return the command that grants it."""
        pattern = " --resource-pattern-type prefixed" if self.is_prefix else ""
        operation = self.operation.title().replace("_", "")
        return (
            f"kafka-acls.sh --add --allow-principal '{self.principal}' "
            f"--operation {operation} --{self.kind} '{self.name}'{pattern}"
        )


def read_acls(path: Path) -> dict[str, Part]:
    """Read the parts of the file. Raises SettingsError."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
        return msgspec.convert(found, dict[str, Part])
    except (OSError, yaml.YAMLError, msgspec.ValidationError) as problem:
        raise SettingsError(f"access rights {path}: {problem}") from problem


def grants(settings: Settings, parts: dict[str, Part]) -> Iterator[Grant]:
    """Yield every right of the file, with this fleet's names."""
    for part in parts.values():
        for principal in part.principals:
            for field, kind in KINDS.items():
                rights: Rights = getattr(part, field)
                for name, operations in rights.items():
                    full = settings.kafka.topic_prefix + name.removesuffix("*")
                    for operation in operations:
                        yield Grant(principal, operation, kind, full, name.endswith("*"))


def apply_acls(settings: Settings, wanted: list[Grant]) -> None:
    """Grant rights on the cluster; existing ones stay. Raises Transient or Refused."""
    admin = admin_client(settings)
    done = admin.create_acls([_binding(grant) for grant in wanted], request_timeout=TIMEOUT_SECONDS)
    for binding, future in done.items():
        answer(f"cannot grant {binding.principal} rights on {binding.name}", future.result)


def silenced_workers(settings: Settings) -> list[str] | None:
    """Return, in words, principals that may read in a worker's group and not write dead letters.

    None where the cluster has no access rights, or this principal may not see them. Raises
    Transient.
    """
    anyone: Any = None  # librdkafka's types say str
    anything = AclBindingFilter(
        ResourceType.ANY,
        anyone,
        ResourcePatternType.ANY,
        anyone,
        anyone,
        AclOperation.ANY,
        AclPermissionType.ANY,
    )
    admin = admin_client(settings)
    try:
        future = admin.describe_acls(anything, request_timeout=TIMEOUT_SECONDS)
        acls: list[AclBinding] = answer("cannot read the access rights", future.result)
    except Refused:
        return None
    if not acls:
        return None
    return [
        f"{principal} may not write to {letters}"
        for topic in TOPICS
        if topic.dead_letters_of
        for letters in [topic_name(settings, dead_letter_topic(topic.name))]
        for group in [settings.kafka.topic_prefix + topic.dead_letters_of]
        for principal in sorted({acl.principal for acl in acls})
        if _may(acls, principal, AclOperation.READ, ResourceType.GROUP, group)
        and not _may(acls, principal, AclOperation.WRITE, ResourceType.TOPIC, letters)
    ]


def _may(
    acls: list[AclBinding], principal: str, operation: AclOperation, kind: ResourceType, name: str
) -> bool:
    """Return whether a principal is allowed an operation and not denied it as well."""
    found = {
        acl.permission_type
        for acl in acls
        if acl.restype == kind
        and acl.principal in (principal, "User:*")
        and acl.operation in (operation, AclOperation.ALL)
        and (
            name.startswith(acl.name)
            if acl.resource_pattern_type == ResourcePatternType.PREFIXED
            else acl.name in (name, "*")
        )
    }
    return found == {AclPermissionType.ALLOW}


def _binding(grant: Grant) -> AclBinding:
    pattern = ResourcePatternType.PREFIXED if grant.is_prefix else ResourcePatternType.LITERAL
    return AclBinding(
        TYPES[grant.kind],
        grant.name,
        pattern,
        grant.principal,
        "*",
        AclOperation[grant.operation.upper()],
        AclPermissionType.ALLOW,
    )
