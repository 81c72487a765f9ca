"""A partition that a restart in the middle of a rebalance left without an owner gets one."""

import subprocess
import sys
import threading
import time

import pytest
from helpers import wait_until

from schemas.topics import FEEDBACK
from workers.kafka.admin import admin_client
from workers.kafka.clients import group_consumer
from workers.kafka.groups import find_group, unowned_partitions, watch_unowned_partitions
from workers.kafka.topics import group_id, topic_name

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("topics")]

MEMBER = """
import os, sys
from workers.kafka.clients import group_consumer
from workers.settings import load_settings
from workers.kafka.topics import topic_name
from schemas.topics import FEEDBACK

settings = load_settings(worker={"instance": "a", "session_timeout_seconds": 30})

def dies(consumer, partitions):
    os._exit(9)  # it knows what it gives up, and has not said so yet

consumer = group_consumer(settings, "preferences")
consumer.subscribe([topic_name(settings, FEEDBACK)], on_revoke=dies)
while True:
    consumer.poll(0.1)
    if consumer.assignment():
        print("owner", flush=True)
"""


class Polled:
    """A member that does nothing but poll."""

    def __init__(self, settings, instance: str) -> None:
        worker = settings.worker.model_copy(
            update={"instance": instance, "session_timeout_seconds": 30}
        )
        self._consumer = group_consumer(
            settings.model_copy(update={"worker": worker}), "preferences"
        )
        self._consumer.subscribe([topic_name(settings, FEEDBACK)])
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._poll)
        self._thread.start()

    def _poll(self) -> None:
        while not self._stop.is_set():
            self._consumer.poll(0.1)

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._consumer.close()


def unowned(settings):
    """Partitions of the feedback without an owner, and the number of members, as the group says."""
    admin = admin_client(settings)
    name = group_id(settings, "preferences")
    group = find_group(admin, name)
    feedback = topic_name(settings, FEEDBACK)
    numbers = admin.list_topics(timeout=15).topics[feedback].partitions
    return unowned_partitions(group, frozenset((feedback, number) for number in numbers)), len(
        group.members
    )


def test_partitions_that_a_restart_left_behind_get_an_owner(settings, environment):
    dying = subprocess.Popen(
        [sys.executable, "-c", MEMBER], env=environment, stdout=subprocess.PIPE, text=True
    )
    members = []
    stop = threading.Event()
    try:
        assert dying.stdout.readline() == "owner\n"
        members.append(Polled(settings, "b"))
        assert dying.wait(60) == 9
        members.append(Polled(settings, "a"))  # restarted: handed what it had, without a rebalance
        wait_until(lambda: len(unowned(settings)[0]) > 0, 60)
        time.sleep(5)
        assert len(unowned(settings)[0]) > 0  # it does not heal by itself
        first = settings.model_copy(
            update={"worker": settings.worker.model_copy(update={"instance": "a"})}
        )
        with watch_unowned_partitions(first, "preferences", stop):
            wait_until(lambda: unowned(settings) == (frozenset(), 2), 120)
    finally:
        for member in members:
            member.close()
        dying.stdout.close()
        dying.kill()
        dying.wait()
