"""The images: small, without a compiler, never root, and able to do their work."""

import json

import pytest
from deploy.engine import REGISTRY, podman

pytestmark = [pytest.mark.deploy, pytest.mark.timeout(1800)]

ROLES = ("platform", "stylize")
UNWANTED = ("cc", "gcc", "c++", "g++", "ld", "as", "make", "pip", "uv", "git", "nvcc")
LARGEST_MB = 800


def shell(images, role, script):
    return podman(
        images, "run", "--rm", "--entrypoint", "sh", f"{REGISTRY}/{role}", "-c", script
    ).strip()


@pytest.mark.parametrize("role", ROLES)
def test_an_image_has_no_compiler_and_no_installer(images, role):
    found = shell(images, role, f"for i in {' '.join(UNWANTED)} sh; do command -v $i; done; true")
    assert found == "/usr/bin/sh"


@pytest.mark.parametrize("role", ROLES)
def test_an_image_is_not_root_and_of_bounded_size(images, role):
    (image,) = json.loads(podman(images, "inspect", f"{REGISTRY}/{role}"))
    assert image["Config"]["User"] == "10001:10001"
    assert image["Size"] < LARGEST_MB * 1e6
    assert shell(images, role, "id -u; test -w /opt/stylecast || echo kept") == "10001\nkept"


@pytest.mark.parametrize("role", ROLES)
def test_an_image_runs_where_nothing_can_be_written(images, role):
    settings = podman(
        images, "run", "--rm", "--read-only", "--cap-drop", "ALL", f"{REGISTRY}/{role}", "settings"
    )
    assert "STYLECAST_STORE__URI=/var/lib/stylecast" in settings
    assert "STYLECAST_WORKER__HTTP_HOST=0.0.0.0" in settings


def test_the_renderer_draws_on_a_cpu_with_the_models_that_ship(images):
    findings = podman(
        images,
        *("run", "--rm", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL"),
        *("--entrypoint", "sh", f"{REGISTRY}/stylize", "-c", "stylecast doctor || true"),
    )
    (generator,) = [line for line in findings.splitlines() if "generator:" in line]
    assert generator.startswith("ok")
    assert "warmed up on cpu" in generator
