"""The scripted shoppers: twenty of them, whose lists change by steps and whose reasons hold."""

from __future__ import annotations

import re

from workers.demo.scripted import ScriptedShop, scripts


def test_twenty_shoppers_are_told_with_lists_and_reasons() -> None:
    shop = ScriptedShop(7)
    told = {name: shop.play(name, steps) for name, steps in scripts(shop.categories).items()}
    assert len(told) == 20
    for name, lines in told.items():
        text = "\n".join(lines)
        assert "at first" in text
        assert ("at the next visit" in text) == (name != "newcomer")
        changes = [int(count) for count in re.findall(r"(\d+) of 20 places change", text)]
        assert max(changes, default=0) <= shop.rules.changes
    assert not any("because" in line for line in told["dismisser"])
    (at_last,) = [line for line in told["neon lover"] if "at the next visit" in line]
    assert int(at_last.split(" neon")[0].split()[-1]) > 6
