"""The generator in use is announced with the first transaction that commits, once."""

import threading
from contextlib import closing

from schemas.topics import GENERATOR_MODELS
from workers.kafka.topics import topic_name
from workers.settings import load_settings
from workers.stylize import stylize_handlers


def test_the_generator_is_announced_until_a_transaction_with_it_has_committed(tmp_path):
    settings = load_settings(store={"uri": str(tmp_path)}, stylize={"threads": 1})
    with (
        stylize_handlers(settings, threading.Event()) as make_handler,
        closing(make_handler()) as handler,
    ):

        def announces(outputs) -> bool:
            return [it.topic for it in outputs] == [topic_name(settings, GENERATOR_MODELS)]

        assert announces(handler.process([])), "a busy worker announces it as well"
        handler.aborted()
        assert announces(handler.idle())
        handler.committed()
        assert handler.idle() == handler.process([]) == []
