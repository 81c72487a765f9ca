"""The best k products of each shopper, without those that must not be shown.

What the scores mean is not known here.
"""

from stylecore.rank.quantized import Prepared, prepared
from stylecore.rank.ranking import NONE, Ranking
from stylecore.rank.top import top_k

__all__ = ["NONE", "Prepared", "Ranking", "prepared", "top_k"]
