"""Bandits whose truth is known, and the logs that a policy leaves on them."""

from __future__ import annotations

import numpy as np

from stylecore.evaluation.off_policy import Log


def draw_log(truth: np.ndarray, logging: np.ndarray, rows: int, random: np.random.Generator) -> Log:
    """Contexts drawn evenly, actions by `logging` [C, A], rewards 0 or 1 by `truth` [C, A]."""
    contexts, actions = truth.shape
    context = random.integers(contexts, size=rows)
    action = (random.random((rows, 1)) > logging.cumsum(axis=1)[context]).sum(axis=1)
    action = np.minimum(action, actions - 1)
    return Log(
        contexts=tuple(f"x{n}" for n in range(contexts)),
        actions=tuple(f"a{n}" for n in range(actions)),
        context=context,
        action=action,
        reward=(random.random(rows) < truth[context, action]).astype(np.float64),
        propensity=logging[context, action],
        unit=np.arange(rows),
    )


def policies(
    contexts: int, actions: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Chances of a reward, a logging policy with a floor, and a target, [C, A] each."""
    truth = random.uniform(0.1, 0.9, size=(contexts, actions))
    logging = 0.7 * random.dirichlet(np.ones(actions), size=contexts) + 0.3 / actions
    return truth, logging, random.dirichlet(np.ones(actions), size=contexts)
