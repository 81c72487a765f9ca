"""`stylecast lag`: the lag of every group, once."""

from __future__ import annotations

import msgspec

from workers.commands.printing import JsonFlag, print_json, print_table
from workers.settings import load_settings


def lag(as_json: JsonFlag = False) -> None:
    """Print how far each group is behind, by partition."""
    from workers.lag import collect_lag

    groups = msgspec.to_builtins(collect_lag(load_settings()))
    if as_json:
        print_json(groups)
        return
    for group in groups:
        print_table(f"{group['group']}", group["partitions"])
