"""Nobody gets in without a name, each worker may do its own work only, and no secret is told."""

import json
import os
import re
import subprocess
import sys
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import pytest
from command_line import stylecast
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import (
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)
from helpers import wait_until
from integration.shop import (
    PARTITIONS,
    click,
    latest,
    poster_of,
    publish_products,
    read_all,
    shop_fleet,
)
from secure_broker import secure_broker

from schemas.codec import decode
from schemas.events import Recommendations
from schemas.topics import (
    FEEDBACK,
    JOBS,
    POSTER_REQUESTS,
    POSTERS,
    PREFERENCE_MODELS,
    RECOMMENDATIONS,
    STYLIZED,
    dead_letter_topic,
)
from stylecore.errors import Permanent, StylecastError, Transient
from workers.commands import doctor
from workers.kafka.acls import apply_acls, grants, read_acls, silenced_workers
from workers.kafka.producer import Publisher
from workers.kafka.topics import apply_topics, require_topics
from workers.settings import load_settings

pytestmark = pytest.mark.integration

ACLS = Path(__file__).parents[2] / "deploy" / "acls.yaml"
SECRET = "planted-Xk7wQ2-secret"
WORKERS = ("planner", "stylize", "preferences", "trainer", "lag", "posters", "web")
BY_CERTIFICATE = {"stylize", "planner"}
"""These show a certificate, the others know a password: both ways serve all."""


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    """A broker with the topics, the users and the rights of deploy/acls.yaml."""
    with secure_broker(tmp_path_factory.mktemp("secure")) as running:
        settings = load_settings(kafka=running.by_certificate("admin"))
        apply_topics(settings, PARTITIONS)
        apply_acls(settings, list(grants(settings, read_acls(ACLS))))
        running.add_users({principal(part): SECRET for part in read_acls(ACLS)})
        yield running


def principal(part: str) -> str:
    """The name by which a part is known, as a user and as a certificate."""
    return f"stylecast-{part}"


def fields_of(broker, part: str, by_certificate: bool = False) -> dict[str, str]:
    """The part's settings of the connection."""
    if by_certificate:
        return broker.by_certificate(principal(part))
    return broker.by_password(principal(part), SECRET)


def environment_of(fields: dict[str, str]) -> dict[str, str]:
    """The same as environment variables."""
    return {f"STYLECAST_KAFKA__{name.upper()}": value for name, value in fields.items()}


def metrics_of(port: int) -> str:
    """What a worker tells Prometheus."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return answer.read().decode()


@pytest.mark.parametrize("swapped", [False, True])
def test_every_worker_works_with_its_own_rights(broker, swapped, tmp_path):
    store = str(tmp_path.parent / "shared-store")
    admin = load_settings(kafka=broker.by_certificate("admin"), store={"uri": store})
    before = len(latest(read_all(admin, STYLIZED)))
    common = {
        "STYLECAST_STORE__URI": store,
        "STYLECAST_WORKER__INSTANCE": "test",
        "STYLECAST_WEB__PORT": "0",
    }
    with shop_fleet(admin, common, tmp_path) as fleet:
        shared = dict(fleet.environment)
        for worker in WORKERS:
            fields = fields_of(broker, worker, (worker in BY_CERTIFICATE) is not swapped)
            fleet.environment = {**shared, **environment_of(fields)}
            fleet.start(worker)
            fleet.wait_ready(worker)
        platform = admin.model_copy(
            update={"kafka": load_settings(kafka=fields_of(broker, "platform")).kafka}
        )
        products = publish_products(platform, 2 + 2 * swapped)[-2:]
        wait_until(lambda: len(latest(read_all(admin, STYLIZED))) >= before + 4, 90)
        with Publisher(platform, "/test") as publisher:
            for number, product in enumerate(products):
                event = click(number, f"ada-{swapped}-{number}", product)
                publisher.send(FEEDBACK, event, datetime.now(UTC))
        storefront = load_settings(kafka=fields_of(broker, "storefront"))

        def lists() -> set[bytes | None]:
            return latest(read_all(storefront, RECOMMENDATIONS)).keys()

        wait_until(lambda: {f"ada-{swapped}-{n}".encode() for n in range(2)} <= lists(), 60)
        wait_until(lambda: len(read_all(admin, PREFERENCE_MODELS)) > 0, 60)
        with Publisher(platform, "/test") as publisher:
            publisher.send(POSTER_REQUESTS, poster_of(products[-1]), datetime.now(UTC))
        wait_until(lambda: products[-1].product_id.encode() in latest(read_all(admin, POSTERS)), 90)
        measured = [metrics_of(port) for port in fleet.ports.values()]
        fleet.require_running()
    found = decode(Recommendations, next(iter(latest(read_all(admin, RECOMMENDATIONS)).values())))
    assert found.items
    told = "".join(path.read_text() for path in (tmp_path / "logs").iterdir())
    assert SECRET not in told + "".join(measured)
    assert "AUTHORIZATION" not in told.upper()


def test_the_doctor_finds_a_worker_that_may_not_write_its_dead_letters(broker):
    settings = load_settings(kafka=broker.by_certificate("admin"))
    wait_until(lambda: silenced_workers(settings) == [])  # rights take a moment to be shown
    assert "may write to them" in doctor._dead_letters(settings)
    admin = AdminClient({**settings.kafka.librdkafka(), "log_level": 0})
    right = AclBindingFilter(
        ResourceType.TOPIC,
        dead_letter_topic(JOBS.name),
        ResourcePatternType.LITERAL,
        "User:CN=stylecast-stylize",
        None,
        AclOperation.WRITE,
        AclPermissionType.ALLOW,
    )
    ((_, deleted),) = admin.delete_acls([right]).items()
    assert len(deleted.result()) == 1
    try:
        told = f"User:CN=stylecast-stylize may not write to {dead_letter_topic(JOBS.name)}"
        wait_until(lambda: silenced_workers(settings) == [told])
        with pytest.raises(StylecastError, match=re.escape(told)):
            doctor._dead_letters(settings)
    finally:
        apply_acls(settings, list(grants(settings, read_acls(ACLS))))
    wait_until(lambda: silenced_workers(settings) == [])
    operator = load_settings(kafka=fields_of(broker, "operator"))
    assert not silenced_workers(operator)
    assert doctor._dead_letters(operator)


@pytest.mark.parametrize("by_certificate", [False, True])
@pytest.mark.parametrize(
    ("part", "topic"),
    [("stylize", FEEDBACK), ("lag", RECOMMENDATIONS), ("trainer", FEEDBACK), ("storefront", JOBS)],
)
def test_nobody_reads_what_is_not_theirs(broker, part, topic, by_certificate):
    kafka = load_settings(kafka=fields_of(broker, part, by_certificate)).kafka.librdkafka()
    found = AdminClient({**kafka, "log_level": 0}).list_topics(topic.name, timeout=30)
    assert found.topics[topic.name].error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED


@pytest.mark.parametrize(
    "command", [["doctor"], ["topics", "check"], ["topics", "show"], ["top", "--once"], ["lag"]]
)
def test_the_operator_can_look_at_everything(broker, command, tmp_path):
    operator = environment_of(fields_of(broker, "operator"))
    ended = stylecast(*command, **operator, STYLECAST_STORE__URI=str(tmp_path))
    said = ended.stdout + ended.stderr
    assert "AUTHORIZATION" not in said
    assert "may not" not in said
    assert "Traceback" not in said
    if command[0] == "topics":
        assert ended.returncode == 0, said


def test_a_missing_right_is_told_with_principal_operation_and_resource(broker):
    settings = load_settings(kafka=fields_of(broker, "storefront"))
    with pytest.raises(Permanent, match=r"may not DESCRIBE topic stylize\.jobs\.v1") as told:
        require_topics(settings, [JOBS.name])
    assert "User:stylecast-storefront" in str(told.value)
    assert "topics apply" not in str(told.value)


@pytest.mark.parametrize(
    ("part", "topic"),
    [("lag", JOBS), ("stylize", FEEDBACK), ("preferences", STYLIZED), ("storefront", JOBS)],
)
def test_nobody_writes_what_is_not_theirs(broker, part, topic):
    kafka = load_settings(kafka=fields_of(broker, part)).kafka.librdkafka()
    producer = Producer({**kafka, "log_level": 0})
    refused = []
    producer.produce(topic.name, b"x", b"x", on_delivery=lambda error, _: refused.append(error))
    assert producer.flush(30) == 0
    assert [error.code() for error in refused] == [KafkaError.TOPIC_AUTHORIZATION_FAILED]


def test_nobody_takes_the_transactions_of_another(broker):
    kafka = load_settings(kafka=fields_of(broker, "preferences")).kafka.librdkafka()
    name = "stylecast-stylize-test"
    producer = Producer({**kafka, "transactional.id": name, "log_level": 0})
    with pytest.raises(KafkaException) as refused:
        producer.init_transactions(20)
    code = refused.value.args[0].code()
    assert code == KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED


@pytest.mark.parametrize("by_certificate", [False, True])
def test_a_client_without_tls_is_told_what_the_port_may_want(broker, by_certificate):
    address = fields_of(broker, "lag", by_certificate)["bootstrap_servers"]
    with pytest.raises(Transient, match="STYLECAST_KAFKA__SECURITY_PROTOCOL"):
        require_topics(load_settings(kafka={"bootstrap_servers": address}), [JOBS.name])


@pytest.mark.parametrize("worker", WORKERS)
def test_a_wrong_password_is_told_as_such_and_not_shown(broker, worker, tmp_path):
    wrong = environment_of(broker.by_password(principal(worker), SECRET + "-wrong"))
    log = tmp_path / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "workers", "run", worker],
            env={**os.environ, **wrong, "STYLECAST_STORE__URI": str(tmp_path)},
            stdout=out,
            stderr=out,
        )
    try:
        wait_until(lambda: "authentication failed" in log.read_text(), 60)
    finally:
        process.terminate()
        process.wait(30)
    assert SECRET not in log.read_text()


def test_settings_and_their_tracebacks_hide_every_secret(tmp_path):
    secrets = {
        f"STYLECAST_KAFKA__{name}": SECRET
        for name in ("SASL_PASSWORD", "SSL_KEY_PASSWORD", "SSL_KEY_PEM")
    } | {"STYLECAST_STORE__URI": f"s3://key:{SECRET}@bucket/folder"}
    code = "from workers.settings import load_settings; s = load_settings(); print(s); 1 / 0"
    for arguments in (["-m", "workers", "settings"], ["-m", "workers", "settings", "--json"],
                      ["-c", code]):  # fmt: skip
        ended = subprocess.run(
            [sys.executable, *arguments],
            env={**os.environ, **secrets},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "sasl" in ended.stdout.lower()
        assert SECRET not in ended.stdout + ended.stderr


def test_the_rights_are_printed_for_kafkas_own_tool():
    printed = stylecast("topics", "acls", str(ACLS)).stdout
    wanted = (
        "kafka-acls.sh --add --allow-principal 'User:stylecast-lag' "
        "--operation Describe --group 'stylecast-' --resource-pattern-type prefixed"
    )
    assert wanted in printed.splitlines()
    rows = json.loads(stylecast("topics", "acls", str(ACLS), "--json").stdout)
    assert len(rows) == len(printed.splitlines())
