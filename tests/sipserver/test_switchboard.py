"""Which side a request belongs to."""

from __future__ import annotations

from sipserver.stack import Incoming, Path, Stack, StackSettings
from sipserver.switchboard import Switchboard


class Side:
    def __init__(self, claims: bool) -> None:
        self.wants = claims
        self.taken: list[object] = []
        self.lost: list[Path] = []

    def claims(self, incoming: Incoming) -> bool:
        return self.wants

    def take(self, incoming: Incoming) -> None:
        self.taken.append(incoming)

    def connection_lost(self, path: Path) -> None:
        self.lost.append(path)


class Request:
    """Stands in for an Incoming: the switchboard looks at nothing but who claims it."""

    def __init__(self) -> None:
        self.status = 0

    def respond(self, status: int) -> None:
        self.status = status


def joined(claims: bool) -> tuple[Stack, Side, Side, Switchboard]:
    stack, above, below = Stack(StackSettings()), Side(claims), Side(False)
    stack.on_request, stack.on_connection_lost = below.take, below.connection_lost
    return stack, above, below, Switchboard(stack, above)


def test_what_the_side_above_claims_is_its_own_and_the_rest_goes_below():
    for claims in (True, False):
        stack, above, below, _ = joined(claims)
        asked = Request()
        stack.on_request(asked)  # type: ignore[arg-type, misc]
        assert (above.taken == [asked], below.taken == [asked]) == (claims, not claims)


def test_both_sides_hear_of_a_lost_connection():
    stack, above, below, _ = joined(False)
    path = Path("TCP", ("192.0.2.1", 5060), ("192.0.2.2", 5060), 7)
    stack.on_connection_lost(path)  # type: ignore[misc]
    assert above.lost == below.lost == [path]


def test_a_closed_switchboard_leaves_the_stack_to_the_side_below():
    stack, above, below, switchboard = joined(True)
    switchboard.close()
    stack.on_request(Request())  # type: ignore[arg-type, misc]
    assert above.taken == [] and len(below.taken) == 1


def test_when_the_side_below_has_let_go_what_is_not_claimed_is_503():
    stack = Stack(StackSettings())
    Switchboard(stack, Side(False))
    asked = Request()
    stack.on_request(asked)  # type: ignore[arg-type, misc]
    assert asked.status == 503
