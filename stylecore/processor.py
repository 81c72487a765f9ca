"""What the CPU can do that decides about precision.

Without dot products of bytes (VNNI on x86, dotprod on Arm) ONNX Runtime multiplies bytes in pairs
whose sums are cut off at 16 bits: renders would be wrong, not only slow. Only Linux tells; where
nothing is told, the answer is no.
"""

from __future__ import annotations

import re
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
BYTE_DOT_PRODUCTS = {"avx512_vnni", "avx_vnni", "asimddp"}


def has_byte_dot_products(cpuinfo: Path = CPUINFO) -> bool:
    """Whether every product of two bytes is summed in 32 bits."""
    try:
        told = cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    flags = re.search(r"^(?:flags|Features)\s*:(.*)$", told, re.MULTILINE)
    return flags is not None and not BYTE_DOT_PRODUCTS.isdisjoint(flags[1].split())
