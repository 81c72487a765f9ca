"""The Kubernetes manifests as kustomize renders them, and the published schemas."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import yaml

KUBERNETES = Path(__file__).parents[2] / "deploy" / "kubernetes"
OVERLAYS = ("overlays/cpu", "overlays/cuda", "topics")
VERSION = "1.37"

Document = dict[str, Any]


@cache
def rendered(folder: str) -> tuple[Document, ...]:
    """The documents of a kustomization."""
    command = ["kubectl", "kustomize", str(KUBERNETES / folder)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return tuple(yaml.safe_load_all(text))


def workloads(folder: str) -> list[Document]:
    """What runs pods."""
    return [one for one in rendered(folder) if "template" in one.get("spec", {})]


def named(folder: str, kind: str) -> dict[str, Document]:
    """The documents of a kind, by name."""
    return {one["metadata"]["name"]: one for one in rendered(folder) if one["kind"] == kind}


def require_valid(document: Document) -> None:
    """Raises ValidationError where it is not as Kubernetes' or KEDA's schema has it."""
    import jsonschema
    import kubernetes_validate

    if document["apiVersion"].startswith("keda.sh/"):
        jsonschema.validate(document, _keda_schema())
    else:
        kubernetes_validate.validate(document, VERSION, strict=True)


@cache
def _keda_schema() -> Document:
    """KEDA's ScaledObject, from the classes made of its CRD; names that it lacks are refused."""
    from cloudcoil.models.keda.v1alpha1 import ScaledObject

    schema: Document = ScaledObject.model_json_schema(by_alias=True)
    for part in schema["$defs"].values():
        if "properties" in part and not part["title"].endswith("ObjectMeta"):
            part["additionalProperties"] = False
    return schema
