"""What operators do every day, and how many acts each may cost: the targets that the console is held to."""

from __future__ import annotations

from dataclasses import dataclass

PROPERTY = "clicks"
"""Under this name a test's report carries what it counted: the task's key and the number."""


@dataclass(frozen=True, slots=True)
class Task:
    """Something that operators do every day, and what it may cost them after they have logged in."""

    key: str
    words: str
    most: int
    how: str


TASKS = {
    task.key: task
    for task in (
        Task("welcome", "See something useful after logging in", 0, "online counts, the own wall, open alarms"),
        Task("by-name", "One known camera live, by its name", 2, "one key, the name, Enter"),
        Task("by-tree", "One camera live, by the tree", 1, "one, and one for each closed tier above it"),
        Task("branch", "The cameras of a district on the wall", 1, "the node is dragged onto the wall"),
        Task("turn", "Turn a camera", 2, "live, and a drag on the picture"),
        Task("preset", "Go to a preset", 2, "live, and one click"),
        Task("store-preset", "Store where a camera looks", 2, "live, and one click"),
        Task("talk", "Talk to a camera", 2, "live, and the button is held"),
        Task("snapshot", "Keep a photograph", 2, "live, and one click"),
        Task("ago", "What a device recorded ten minutes ago", 2, "live, and one click"),
        Task("seek", "Another moment of a recording", 1, "a click on the timeline"),
        Task("download", "Ten minutes of a recording as a film, its length verified", 3, "live, ago, one click"),
        Task("span", "A span of a recording as a film", 2, "a drag on the timeline, one click"),
        Task(
            "alarm-video", "From an alarm to its video, from any screen", 1, "the pointer rests on the bell; one click"
        ),
        Task("alarm-live", "From an alarm of the list to its live picture", 1, "one click on its row"),
        Task("acknowledge", "Acknowledge an alarm of the highest priority", 1, "one click, on any screen"),
        Task("vehicle", "Where was this vehicle", 2, "the map, the vehicle"),
        Task("upper", "Add a platform above and share all", 9, "three, and a Tab to each of six fields at most"),
        Task("upper-sees", "See what a platform above sees", 1, "one click: its tree, and what it was not told yet"),
        Task("why-not", "Why does it not play", 1, "live: the ladder with the failing hop"),
    )
}
