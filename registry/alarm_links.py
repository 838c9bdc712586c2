"""Which camera looks at what an alarm input guards, where the device cannot say it: kept as operators said it."""

from __future__ import annotations

from dataclasses import dataclass

from registry.store.alarm_promise import AlarmShelf

MOST_LINKS = 20_000


@dataclass(frozen=True, slots=True)
class AlarmLink:
    """The channel `input` of a neighbour is watched by its channel `camera`."""

    owner: str
    input: str
    camera: str


class AlarmLinks:
    """`open` it once the store is. What is kept is written before the call returns."""

    def __init__(self, shelf: AlarmShelf) -> None:
        self._shelf = shelf
        self._cameras: dict[tuple[str, str], str] = {}

    async def open(self) -> None:
        self._cameras = {(owner, name): camera for owner, name, camera in await self._shelf.links()}

    def camera_of(self, owner: str, name: str) -> str:
        """ "" where nobody has said it."""
        return self._cameras.get((owner, name), "")

    def of(self, owner: str) -> tuple[AlarmLink, ...]:
        """Of one neighbour, in order of the inputs' codes."""
        return tuple(
            AlarmLink(whose, name, camera) for (whose, name), camera in sorted(self._cameras.items()) if whose == owner
        )

    async def keep(self, link: AlarmLink) -> None:
        """In the place of what was said before. ValueError when there are too many."""
        key = link.owner, link.input
        if key not in self._cameras and len(self._cameras) >= MOST_LINKS:
            raise ValueError(f"there are {MOST_LINKS} links already")
        await self._shelf.keep_link(link.owner, link.input, link.camera)
        self._cameras[key] = link.camera

    async def drop(self, owner: str, name: str) -> bool:
        """False when there was none."""
        if (owner, name) not in self._cameras:
            return False
        await self._shelf.drop_link(owner, name)
        self._cameras.pop((owner, name), None)
        return True
