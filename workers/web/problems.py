"""What is wrong with what was asked for or sent, told in the reader's language.

Permanent
├── NotFound     there is no such thing: 404
└── WrongInput   what was sent is not as it should be: 422

Each names a sentence of the word files and what it holds; as an exception's text it is English. A
`detail` comes from a contract or a worker, which speak English alone: details.py knows the usual.
"""

from __future__ import annotations

from stylecore.errors import Permanent
from workers.web.details import detail_in
from workers.web.words import DEFAULT, Words, words_of


class _Told(Permanent):
    def __init__(self, key: str, **values: object) -> None:
        self.key = key
        self.values = values
        super().__init__(words_of(DEFAULT)(key, **values))

    def told(self, words: Words) -> str:
        """The sentence in a language."""
        values = dict(self.values)
        if "detail" in values:
            values["detail"] = detail_in(words, str(values["detail"]))
        return words(self.key, **values)


class NotFound(_Told):
    """There is no such thing: 404."""


class WrongInput(_Told):
    """What was sent is not as it should be; the message says what: 422."""
