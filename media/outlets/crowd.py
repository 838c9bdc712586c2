"""Those who take a rendition in one wire form, and which of them a wave can simply be sent to."""

from __future__ import annotations

from media.outlets.viewer import Tally, Viewer


class Crowd:
    """`clear` has those who are clear, by the descriptors of their sockets: a wave that goes round looks at numbers
    alone, and touches no viewer whom nothing befalls. It may be kept by whoever took it by `lend`: it is never changed
    from then on, but replaced, so that one who finds it replaced knows that somebody came, went, or is clear no more.
    """

    def __init__(self) -> None:
        self.tally = Tally()
        self.clear: dict[object, Viewer] = {}
        self.others: dict[Viewer, None] = {}
        self._numbers: tuple[object, ...] | None = None
        self._is_lent = False

    def __len__(self) -> int:
        return len(self.clear) + len(self.others)

    def everybody(self) -> list[Viewer]:
        return [*self.clear.values(), *self.others]

    def lend(self) -> dict[object, Viewer]:
        """Those who are clear now."""
        self._is_lent = True
        return self.clear

    @property
    def numbers(self) -> tuple[object, ...]:
        """Their numbers; the same tuple as long as they are the same."""
        if self._numbers is None:
            self._numbers = tuple(self.clear)
        return self._numbers

    def add(self, viewer: Viewer) -> None:
        viewer.count_by(self.tally)
        viewer.on_switch = self._switch
        self._switch(viewer)

    def remove(self, viewer: Viewer) -> None:
        """Harmless for one that is not here."""
        viewer.count_by(Tally())
        viewer.on_switch = None
        self._unclear(viewer)
        self.others.pop(viewer, None)

    def _switch(self, viewer: Viewer) -> None:
        if viewer.is_clear:
            self.others.pop(viewer, None)
            self._own()[viewer.number] = viewer
        else:
            self._unclear(viewer)
            self.others[viewer] = None

    def _unclear(self, viewer: Viewer) -> None:
        if self.clear.get(viewer.number) is viewer:
            del self._own()[viewer.number]

    def _own(self) -> dict[object, Viewer]:
        self._numbers = None
        if self._is_lent:
            self.clear = dict(self.clear)
            self._is_lent = False
        return self.clear
