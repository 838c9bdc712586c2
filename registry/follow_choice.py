"""What was chosen to be followed of a device, as its row keeps it: `alarm=on ptz=off`; the settings decide the rest."""

from __future__ import annotations

from collections.abc import Mapping

SUBJECTS = ("catalog", "alarm", "position", "ptz")
"""What may be followed of a neighbour, in the order in which it is shown."""


def read_choices(follows: str) -> dict[str, bool]:
    """What is not understood is not chosen.

    >>> read_choices("alarm=on ptz=off weather=on")
    {'alarm': True, 'ptz': False}
    """
    said = (part.partition("=") for part in follows.split())
    return {subject: word == "on" for subject, _, word in said if subject in SUBJECTS and word in ("on", "off")}


def written_choices(choices: Mapping[str, bool]) -> str:
    return " ".join(f"{subject}={'on' if choices[subject] else 'off'}" for subject in SUBJECTS if subject in choices)
