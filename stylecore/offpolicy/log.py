"""A log of choices: what was shown where, with which probability, and what came of it.

Contexts and actions are names by code: a product and its styles, or a place and its items. Where
the log comes from (feedback_log.py, open_bandit.py) and which other policy is asked about
(targets.py) are not known here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stylecore.arrays import Bools, Doubles, Ints
from stylecore.errors import Permanent


@dataclass(frozen=True, slots=True)
class Log:
    """N choices."""

    contexts: tuple[str, ...]
    """C names."""
    actions: tuple[str, ...]
    """A names."""
    context: Ints
    """[N], codes of contexts."""
    action: Ints
    """[N], codes of actions."""
    reward: Doubles
    """[N], 1 where it was clicked, else 0; any finite number will do."""
    propensity: Doubles
    """[N], the probability with which the logging policy chose the action, above 0 to 1."""
    unit: Ints
    """[N], codes of what is independent of one another: shoppers, or the rows themselves."""

    def __len__(self) -> int:
        return len(self.reward)


def check(log: Log) -> Log:
    """The same log. Raises Permanent where it is empty or holds what cannot be logged."""
    if not len(log):
        raise Permanent("the log holds no choice with a propensity")
    if not ((log.propensity > 0) & (log.propensity <= 1)).all():
        raise Permanent("propensities must be above 0 and at most 1")
    if not np.isfinite(log.reward).all():
        raise Permanent("rewards must be finite numbers")
    return log


def restricted(log: Log, kept: Bools) -> Log:
    """The rows [N] that are kept; names and codes stay as they are."""
    return Log(
        contexts=log.contexts,
        actions=log.actions,
        context=log.context[kept],
        action=log.action[kept],
        reward=log.reward[kept],
        propensity=log.propensity[kept],
        unit=log.unit[kept],
    )


def coded(names: list[str]) -> tuple[tuple[str, ...], Ints]:
    """The different names in alphabetical order, and each name's code [N]."""
    different, codes = np.unique(np.array(names, dtype=np.str_), return_inverse=True)
    return tuple(different.tolist()), codes.astype(np.int64)
