"""The policies that can be asked about: even chances, one action always, or another log's policy.

Each is pi [C, A], rows summing to 1, over the actions that the log has seen in a context; a row of
zeros where the target could not have acted: those contexts are left out and told.
"""

from __future__ import annotations

import numpy as np

from stylecore.arrays import Bools, Doubles
from stylecore.errors import Permanent
from stylecore.offpolicy.log import Log


def seen(log: Log) -> Bools:
    """Which actions the log has chosen in each context, [C, A]."""
    found = np.zeros((len(log.contexts), len(log.actions)), dtype=np.bool_)
    found[log.context, log.action] = True
    return found


def even(log: Log) -> Doubles:
    """Every action that was seen in a context alike."""
    found = seen(log)
    shares: Doubles = found / np.maximum(found.sum(axis=1, keepdims=True), 1)
    return shares


def always(log: Log, action: str) -> Doubles:
    """One action wherever it was seen. Raises Permanent where the log does not know it."""
    if action not in log.actions:
        raise Permanent(f"no {action!r} in the log; there are: {', '.join(log.actions)}")
    target = np.zeros((len(log.contexts), len(log.actions)))
    code = log.actions.index(action)
    target[:, code] = seen(log)[:, code]
    return target


def averaged(log: Log, other: Log) -> Doubles:
    """Another log's policy: its propensities averaged by context and action, rows brought to 1.

    An action is logged more often while it is likely, so such a mean is too high for actions whose
    probability moved; `counted` has no such lean, and more noise.
    """
    sums, counts = _sums(log, other, other.propensity), _sums(log, other, np.ones(len(other)))
    return _rows_to_one(sums / np.maximum(counts, 1))


def counted(log: Log, other: Log) -> Doubles:
    """Another log's policy: how often it chose each action in a context."""
    return _rows_to_one(_sums(log, other, np.ones(len(other))))


def _sums(log: Log, other: Log, values: Doubles) -> Doubles:
    """The other log's values summed by this log's codes, [C, A]; unknown names are left out."""
    contexts = {name: code for code, name in enumerate(log.contexts)}
    actions = {name: code for code, name in enumerate(log.actions)}
    x = np.array([contexts.get(name, -1) for name in other.contexts])[other.context]
    a = np.array([actions.get(name, -1) for name in other.actions])[other.action]
    known = (x >= 0) & (a >= 0)
    sums = np.zeros((len(log.contexts), len(log.actions)))
    np.add.at(sums, (x[known], a[known]), values[known])
    return sums


def _rows_to_one(values: Doubles) -> Doubles:
    totals = values.sum(axis=1, keepdims=True)
    shares: Doubles = values / np.where(totals > 0, totals, 1.0)
    return shares
