"""The state of a session between two user agents, RFC 3261 12: identities, sequence numbers, route.

Pure: it makes requests and judges those that come; who sends them is another's matter.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sipserver.sip.message import Headers, Request, Response
from sipserver.sip.uri import NameAddr

DialogKey = tuple[str, str, str]


@dataclass(slots=True)
class DialogState:
    """One dialog, seen from our side. `key` is (Call-ID, our tag, their tag)."""

    call_id: str
    local: NameAddr
    remote: NameAddr
    target: str
    local_seq: int
    remote_seq: int | None = None
    routes: tuple[str, ...] = ()
    invite_seq: int = field(default=0)

    @property
    def key(self) -> DialogKey:
        return (self.call_id, self.local.tag or "", self.remote.tag or "")

    @staticmethod
    def of_caller(invite: Request, response: Response) -> DialogState:
        """Ours was the INVITE, theirs the 2xx (RFC 3261 12.1.2). Raises ValueError when From or To cannot be read.

        A 2xx without a Contact, as some devices send it, leaves the target at the INVITE's URI.
        """
        target = contact_uri(response) or invite.uri
        routes = tuple(reversed(response.headers.items_of("Record-Route")))
        number = invite.cseq.number
        return DialogState(response.call_id, invite.from_, response.to, target, number, None, routes, number)

    @staticmethod
    def of_called(invite: Request, response: Response) -> DialogState:
        """Theirs was the INVITE, ours the 2xx (RFC 3261 12.1.1). Raises ValueError when From cannot be read."""
        target = contact_uri(invite) or str(invite.from_.uri)
        routes = tuple(invite.headers.items_of("Record-Route"))
        number = invite.cseq.number
        return DialogState(invite.call_id, response.to, invite.from_, target, 0, number, routes, number)

    @staticmethod
    def of_subscriber(subscribe: Request) -> DialogState:
        """Ours is the SUBSCRIBE, whose answer is not there yet (RFC 6665 4.1.2.4). ValueError as for `of_caller`."""
        number = subscribe.cseq.number
        return DialogState(subscribe.call_id, subscribe.from_, subscribe.to, subscribe.uri, number)

    def answered(self, response: Response) -> None:
        """The 2xx to our SUBSCRIBE: who they are and where. Raises ValueError when To cannot be read."""
        self.remote = response.to
        self.refresh_target(response)
        self.routes = tuple(reversed(response.headers.items_of("Record-Route")))

    def next_seq(self) -> int:
        """The number of our next request."""
        self.local_seq += 1
        return self.local_seq

    def admits(self, request: Request) -> bool:
        """Whether a request of theirs comes in order (RFC 3261 12.2.2).

        Only for INVITE is an old number an error: devices count MESSAGE and INFO in a session with other counters.
        """
        number = request.cseq.number
        if self.remote_seq is None or number > self.remote_seq:
            self.remote_seq = number
            return True
        return request.method != "INVITE"

    def refresh_target(self, message: Request | Response) -> None:
        """A re-INVITE or its 2xx may move the remote target (RFC 3261 12.2.1.2)."""
        self.target = contact_uri(message) or self.target

    def headers(self, method: str, number: int) -> Headers:
        """From, To, Call-ID, CSeq, Route, Max-Forwards of a request in this dialog; Via is the sender's to add."""
        headers = Headers()
        headers.add("From", str(self.local))
        headers.add("To", str(self.remote))
        headers.add("Call-ID", self.call_id)
        headers.add("CSeq", f"{number} {method}")
        for route in self.routes:
            headers.add("Route", route)
        headers.add("Max-Forwards", "70")
        return headers


def contact_uri(message: Request | Response) -> str | None:
    """The address in Contact; None when there is none that can be read."""
    try:
        contact = message.contact
    except ValueError:
        return None
    return str(contact.uri) if contact is not None and contact.uri.is_sip else None
