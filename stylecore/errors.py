"""The exceptions of Stylecast; their class decides what a worker does with the record at hand.

StylecastError
├── Permanent     the same input fails the same way every time: to the dead letters
│   └── SettingsError   a wrong setting or argument: told in one line, nothing starts
└── Transient     the world is at fault (store, broker, memory): retried, never skipped
"""

from __future__ import annotations


class StylecastError(Exception):
    """Base of all errors that Stylecast raises on purpose; the message is for a person."""


class Permanent(StylecastError):
    """Trying again cannot help: the input itself is wrong."""


class SettingsError(Permanent):
    """A setting or an argument is wrong; the message names it and says what is allowed."""


class Transient(StylecastError):
    """Trying again may help: something around the input is away, full or busy."""
