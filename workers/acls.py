"""Access rights from a file: read, printed for kafka-acls.sh, or granted on the cluster.

The file names parts; of each the principals and, by resource, the operations that are allowed.
Rights that the cluster has beyond the file are not looked for and never taken away.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec
import yaml
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)

from stylecore.errors import SettingsError
from workers.admin import TIMEOUT_SECONDS, admin_client, answer
from workers.settings import Settings

Operation = Literal["read", "write", "create", "describe", "describe_configs", "delete"]
Rights = dict[str, list[Operation]]

KINDS = {"topics": "topic", "groups": "group", "transactional_ids": "transactional-id"}
"""The file's words, and those of kafka-acls.sh."""
TYPES = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "transactional-id": ResourceType.TRANSACTIONAL_ID,
}


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one part of the fleet may do."""

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
        """The arguments of kafka-acls.sh that grant it."""
        pattern = " --resource-pattern-type prefixed" if self.is_prefix else ""
        operation = self.operation.title().replace("_", "")
        return (
            f"kafka-acls.sh --add --allow-principal '{self.principal}' "
            f"--operation {operation} --{self.kind} '{self.name}'{pattern}"
        )


def read_acls(path: Path) -> dict[str, Part]:
    """The parts of the file. Raises SettingsError with what is wrong in it."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
        return msgspec.convert(found, dict[str, Part])
    except (OSError, yaml.YAMLError, msgspec.ValidationError) as problem:
        raise SettingsError(f"access rights {path}: {problem}") from problem


def grants(settings: Settings, parts: dict[str, Part]) -> Iterator[Grant]:
    """Every right of the file, with the names of this fleet."""
    for part in parts.values():
        for principal in part.principals:
            for field, kind in KINDS.items():
                rights: Rights = getattr(part, field)
                for name, operations in rights.items():
                    full = settings.kafka.topic_prefix + name.removesuffix("*")
                    for operation in operations:
                        yield Grant(principal, operation, kind, full, name.endswith("*"))


def apply_acls(settings: Settings, wanted: list[Grant]) -> None:
    """Grant them; what is granted already stays. Raises Transient or Permanent."""
    admin = admin_client(settings)
    done = admin.create_acls([_binding(grant) for grant in wanted], request_timeout=TIMEOUT_SECONDS)
    for binding, future in done.items():
        answer(f"cannot grant {binding.principal} rights on {binding.name}", future.result)


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
