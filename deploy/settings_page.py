"""The page of all settings, from the code: `python settings_page.py > SETTINGS.md` in deploy."""

from __future__ import annotations

import sys

from pydantic.fields import FieldInfo

from workers.settings import Settings

HEAD = """# Settings

Made by `settings_page.py`. Environment variables, or lines of a `.env` file. Seconds, bytes and
pixels are plain numbers, lists are JSON. What is misspelt or out of range ends the command with one
line that names it; `stylecast settings` prints those in force.
"""


def main() -> None:
    """Print the page."""
    print(HEAD)
    for part, field in Settings.model_fields.items():
        print(f"## {part.capitalize()}\n\n{field.annotation.__doc__}\n")
        print("| variable | unless set | what |\n|---|---|---|")
        for name, inner in field.annotation.model_fields.items():
            what = " ".join((inner.description or "").split())
            print(f"| `STYLECAST_{part.upper()}__{name.upper()}` | {_default(inner)} | {what} |")
        print()


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None:
        return "this machine's name"
    if field.default is None or field.default in ((), ""):
        return ""
    return f"`{field.default}`"


if __name__ == "__main__":
    sys.exit(main())
