"""The Kubernetes manifests: as the published schemas want them, and true of Stylecast."""

import copy
from math import ceil

import pytest
from deploy.manifests import OVERLAYS, named, rendered, require_valid, workloads
from jsonschema import ValidationError

from schemas.topics import FEEDBACK, JOBS
from workers.commands.run import Worker
from workers.lag.worker import LagMetrics
from workers.settings import StylizeSettings, load_settings

pytestmark = pytest.mark.deploy

FLEETS = ("overlays/cpu", "overlays/cuda")
SECONDS_OF_A_JOB = 8
"""Of all styles of one photo on the slowest CPU that we measured (deploy/SCALE.md), rounded up."""


@pytest.mark.parametrize("folder", OVERLAYS)
def test_every_document_is_as_the_published_schemas_want_it(folder):
    assert len(rendered(folder)) > 1
    for document in rendered(folder):
        require_valid(document)


@pytest.mark.parametrize("kind", ["StatefulSet", "ScaledObject", "NetworkPolicy"])
def test_a_misspelt_field_would_be_found(kind):
    document = copy.deepcopy(named("overlays/cpu", kind).popitem()[1])
    document["spec"]["replica"] = 1
    with pytest.raises(ValidationError):
        require_valid(document)


@pytest.mark.parametrize("folder", OVERLAYS)
def test_no_container_may_more_than_it_needs(folder):
    for workload in workloads(folder):
        pod = workload["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            may = container["securityContext"]
            assert may["readOnlyRootFilesystem"]
            assert may["allowPrivilegeEscalation"] is False
            assert may["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["limits"]["memory"]
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}


@pytest.mark.parametrize("folder", FLEETS)
def test_every_worker_runs_with_probes_and_a_budget_for_disruption(folder):
    budgets = named(folder, "PodDisruptionBudget")
    running = set()
    for workload in workloads(folder):
        name, template = workload["metadata"]["name"], workload["spec"]["template"]
        (container,) = template["spec"]["containers"]
        assert container["args"] == ["run", name]
        assert container["livenessProbe"]["httpGet"]["path"] == "/live"
        assert container["readinessProbe"]["httpGet"]["path"] == "/ready"
        wanted = budgets[name]["spec"]["selector"]["matchLabels"]
        assert wanted.items() <= template["metadata"]["labels"].items()
        running.add(name)
    assert running == {worker.value for worker in Worker}


@pytest.mark.parametrize("folder", FLEETS)
def test_a_stop_waits_longer_than_a_batch_takes(folder):
    pod = named(folder, "StatefulSet")["stylize"]["spec"]["template"]["spec"]
    batch = StylizeSettings().batch_jobs * SECONDS_OF_A_JOB
    assert pod["terminationGracePeriodSeconds"] >= ceil(1.5 * batch)


@pytest.mark.parametrize("folder", FLEETS)
def test_who_names_transactions_keeps_its_name_and_who_must_be_alone_is(folder):
    assert named(folder, "StatefulSet").keys() == {"stylize", "preferences", "posters"}
    for name, workload in named(folder, "Deployment").items():
        alone = (workload["spec"]["replicas"], workload["spec"].get("strategy"))
        assert name == "web" or alone == (1, {"type": "Recreate"})


@pytest.mark.parametrize("folder", OVERLAYS)
def test_every_setting_is_one_and_its_value_is_understood(folder, monkeypatch):
    for config in named(folder, "ConfigMap").values():
        for name, value in config["data"].items():
            monkeypatch.setenv(name, value)
    for workload in workloads(folder):
        for variable in workload["spec"]["template"]["spec"]["containers"][0].get("env", []):
            monkeypatch.setenv(variable["name"], variable.get("value", "pod-0"))
    settings = load_settings()
    assert settings.kafka.bootstrap_servers == "kafka.kafka:9092"
    if folder in FLEETS:
        assert settings.worker.http_host == "0.0.0.0"
        assert settings.stylize.provider == folder.rpartition("/")[2]


@pytest.mark.parametrize("folder", FLEETS)
def test_scaling_asks_for_a_metric_that_there_is_and_for_no_more_than_the_partitions(folder):
    scaled = named(folder, "ScaledObject")
    metrics = {family.name for family in LagMetrics("any").collect()}
    for name, topic in {"stylize": JOBS, "preferences": FEEDBACK}.items():
        wanted = scaled[name]["spec"]
        assert wanted["scaleTargetRef"]["name"] in named(folder, "StatefulSet")
        assert wanted["maxReplicaCount"] == topic.partitions
        query = wanted["triggers"][0]["metadata"]["query"]
        metric, _, group = query.removeprefix("sum(").partition("{")
        assert metric in metrics
        assert group == f'consumergroup="stylecast-{name}"}})'


@pytest.mark.parametrize("folder", FLEETS)
def test_nobody_comes_in_or_goes_out_but_where_a_policy_lets_them(folder):
    policies = named(folder, "NetworkPolicy")
    everyone = policies["workers"]["spec"]
    assert set(everyone["policyTypes"]) == {"Ingress", "Egress"}
    for workload in workloads(folder):
        labels = workload["spec"]["template"]["metadata"]["labels"]
        assert everyone["podSelector"]["matchLabels"].items() <= labels.items()
    (outside,) = policies["store-and-photos"]["spec"]["egress"]
    assert outside["to"][0]["ipBlock"]["except"] == ["169.254.0.0/16"]


def test_a_gpu_is_asked_for_where_one_is_to_be_used():
    pods = {
        folder: named(folder, "StatefulSet")["stylize"]["spec"]["template"]["spec"]
        for folder in FLEETS
    }
    limits = [pod["containers"][0]["resources"]["limits"] for pod in pods.values()]
    assert ["nvidia.com/gpu" in each for each in limits] == [False, True]
    images = [pod["containers"][0]["image"] for pod in pods.values()]
    assert [image.partition(":")[0].rpartition("/")[2] for image in images] == [
        "stylize",
        "stylize-cuda",
    ]
