"""The local broker: really Kafka, and never left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic
from helpers import wait_until

from stylecore.errors import Permanent
from workers.broker import local_broker
from workers.broker.java import expected_checksums, require_same

pytestmark = pytest.mark.integration

HOLDER = """
import sys, time
from workers.broker import local_broker
with local_broker() as broker:
    print(broker.port, broker.pid, broker.process.pid, broker.folder, flush=True)
    time.sleep(600)
"""
FOREGROUND = "from workers.broker import run_broker_in_foreground as run; run()"


@pytest.fixture(scope="module")
def broker():
    with local_broker() as running:
        yield running


def create_topic(bootstrap_servers: str, name: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap_servers})
    admin.create_topics([NewTopic(name, 1, 1)])[name].result(30)


def produce(bootstrap_servers: str, topic: str, values: list[bytes], *, commit: bool) -> None:
    producer = Producer({"bootstrap.servers": bootstrap_servers, "transactional.id": "test"})
    producer.init_transactions(30)
    producer.begin_transaction()
    for value in values:
        producer.produce(topic, value)
    producer.flush(30)
    if commit:
        producer.commit_transaction(30)
    else:
        producer.abort_transaction(30)


def read(bootstrap_servers: str, topic: str, count: int) -> list[bytes]:
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": f"reader-{topic}",
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
        }
    )
    consumer.subscribe([topic])
    try:
        return [message.value() for message in consumer.consume(count, 30)]
    finally:
        consumer.close()


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_transactions_are_real_and_data_survives_a_restart_and_a_kill(broker):
    create_topic(broker.bootstrap_servers, "kept")
    produce(broker.bootstrap_servers, "kept", [b"aborted"], commit=False)
    produce(broker.bootstrap_servers, "kept", [b"one", b"two"], commit=True)
    broker.restart()
    os.kill(broker.pid, signal.SIGKILL)
    broker.restart()
    produce(broker.bootstrap_servers, "kept", [b"three"], commit=True)
    assert read(broker.bootstrap_servers, "kept", 3) == [b"one", b"two", b"three"]


def test_a_folder_that_is_given_is_continued_by_the_next_broker(tmp_path):
    with local_broker(tmp_path) as first:
        create_topic(first.bootstrap_servers, "kept")
        produce(first.bootstrap_servers, "kept", [b"one"], commit=True)
    with local_broker(tmp_path) as second:
        assert read(second.bootstrap_servers, "kept", 1) == [b"one"]


def test_leaving_the_block_ends_the_process_and_removes_its_folder():
    with local_broker() as broker:
        pid, folder = broker.pid, broker.folder
    assert is_gone(pid)
    assert not folder.exists()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_its_parent(number):
    with subprocess.Popen([sys.executable, "-c", HOLDER], stdout=subprocess.PIPE) as holder:
        port, pid, _, folder = holder.stdout.readline().split()
        assert is_open(int(port))
        holder.send_signal(number)
    wait_until(lambda: not Path(folder.decode()).exists())
    assert is_gone(int(pid))
    assert not is_open(int(port))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux binds a process to its parent")
def test_it_ends_with_its_keeper():
    with local_broker() as broker:
        broker.process.kill()
        wait_until(lambda: not is_open(broker.port))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_in_the_foreground_it_says_its_address_first_and_stops_on_a_signal(number):
    with subprocess.Popen([sys.executable, "-c", FOREGROUND], stdout=subprocess.PIPE) as command:
        host, port = command.stdout.readline().decode().strip().split(":")
        assert host == "127.0.0.1"
        assert is_open(int(port))
        command.send_signal(number)
        assert command.wait(30) == 0
    assert not is_open(int(port))


def test_a_taken_port_is_told():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Permanent, match=f"port {port} of 127.0.0.1 is taken"):
            local_broker(port=port).__enter__()


def test_a_broken_configuration_fails_with_the_end_of_the_log():
    broken = local_broker(num_io_threads="many")
    with pytest.raises(Permanent, match=r"broker\.log:\n(.*\n)*.*num\.io\.threads"):
        broken.__enter__()


def test_a_changed_or_missing_jar_is_refused(tmp_path):
    jar = tmp_path / "kafka.jar"
    jar.write_bytes(b"not the jar")
    with pytest.raises(Permanent, match=r"kafka\.jar is not the jar .* tested with"):
        require_same([jar], {"kafka.jar": "0" * 64})
    with pytest.raises(Permanent, match=r"not those of this project: kafka_2\.13-4\.1\.1\.jar"):
        require_same([], {"kafka_2.13-4.1.1.jar": expected_checksums()["kafka_2.13-4.1.1.jar"]})
