"""When a style's campaign holds: the window in which its theme is shown, and how much preferred.

A style made for a campaign is offered from its start, inclusive, to its end, exclusive, and at no
other time; one of the generator's own that a campaign names is offered always, and preferred
within the window. Who draws the pictures ahead, and who shows them, is not known here.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from schemas.catalog import Style

HIGHEST_PRIORITY = 100
"""Of a campaign, by its contract."""


def is_standing(style: Style) -> bool:
    """Whether the style is on offer at all times: without a campaign, or the generator's own."""
    return style.campaign is None or style.weights == {style.style_id: 1.0}


def in_window(style: Style, now: datetime, lead: timedelta = timedelta(0)) -> bool:
    """Whether the campaign runs at `now` or starts within `lead`; False without a campaign."""
    campaign = style.campaign
    # The difference of two times always fits; a time less a lead may lie before year 1.
    return campaign is not None and campaign.starts_at - now <= lead and now < campaign.ends_at


def odds_factor(style: Style, now: datetime, weight: float) -> float:
    """What the style's odds are multiplied by: 1 outside the window.

    Within it `weight`, at least 1, at priority 0, and up to its square at the highest.
    """
    if style.campaign is None or not in_window(style, now):
        return 1.0
    return float(weight ** (1.0 + style.campaign.priority / HIGHEST_PRIORITY))
