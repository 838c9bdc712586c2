"""Subscriptions over real sockets: the subscriber's side and the owner's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from sipserver.sip.message import Request
from sipserver.stack import Dialog, Incoming, Path, RequestTimedOut, Stack, StackSettings, TransportLost

UPPER = "sip:34010000002000000001@3401000000"
LOWER = "sip:34010200002000000001@3401020000"
EVENT = (("Event", "Catalog;id=1894"), ("Expires", "600"))
ACTIVE = (("Event", "Catalog;id=1894"), ("Subscription-State", "active;expires=598"))

both = pytest.mark.parametrize("transport", ["UDP", "TCP"])


@asynccontextmanager
async def stack(serve: Callable[[Incoming], None] | None = None) -> AsyncIterator[Stack]:
    made = Stack(StackSettings(host="127.0.0.1", port=0, t1_s=0.05))
    made.on_request = serve
    await made.start()
    try:
        yield made
    finally:
        await made.close()


async def way(us: Stack, them: Stack, transport: str) -> Path:
    remote = ("127.0.0.1", them.port)
    return us.udp_path(remote) if transport == "UDP" else await us.connect(remote)


def subscription(us: Stack, path: Path) -> Request:
    return us.new_request(
        "SUBSCRIBE",
        LOWER,
        from_uri=UPPER,
        to_uri=LOWER,
        path=path,
        contact_user="34010000002000000001",
        headers=EVENT,
        body=b"<Query/>",
        content_type="Application/MANSCDP+xml",
    )


class Owner:
    """Grants every subscription, and writes down what comes in its dialog."""

    def __init__(self) -> None:
        self.dialogs: list[Dialog] = []
        self.refreshes: list[Incoming] = []

    def serve(self, incoming: Incoming) -> None:
        dialog = incoming.accept_subscription(600, contact_user="34010200002000000001")
        dialog.on_request = self.refresh
        self.dialogs.append(dialog)

    def refresh(self, incoming: Incoming) -> None:
        self.refreshes.append(incoming)
        incoming.accept_subscription(300, contact_user="34010200002000000001")


class Subscriber:
    """Answers NOTIFYs with 200."""

    def __init__(self) -> None:
        self.notices: list[bytes] = []

    def hear(self, incoming: Incoming) -> None:
        self.notices.append(incoming.request.body)
        incoming.respond(200)


@both
async def test_a_subscription_is_granted_notified_refreshed_and_cancelled_in_one_dialog(transport: str) -> None:
    owner, subscriber = Owner(), Subscriber()
    async with stack(owner.serve) as lower, stack() as upper:
        path = await way(upper, lower, transport)
        request = subscription(upper, path)
        response, dialog = await upper.subscribe(request, path, on_request=subscriber.hear)
        assert dialog is not None
        assert (response.status, response.headers.get("Expires")) == (200, "600")
        assert response.headers.get("Event") == "Catalog;id=1894"
        assert response.contact is not None and response.contact.uri.user == "34010200002000000001"

        told = await owner.dialogs[0].request("NOTIFY", headers=ACTIVE, body=b"<Notify/>", content_type="text/xml")
        assert told.status == 200
        assert subscriber.notices == [b"<Notify/>"]

        again = await dialog.request("SUBSCRIBE", headers=EVENT)
        assert (again.status, again.headers.get("Expires")) == (200, "300")
        refresh = owner.refreshes[0].request
        assert refresh.call_id == request.call_id
        assert refresh.cseq.number == request.cseq.number + 1
        assert refresh.to.tag == dialog.remote_tag == owner.dialogs[0].local_tag
        assert owner.refreshes[0].dialog is owner.dialogs[0]

        owner.dialogs[0].forget()
        dialog.forget()
        assert upper.statistics().dialogs == lower.statistics().dialogs == 0


async def test_a_notify_before_the_200_and_one_with_another_tag_both_reach_the_subscriber() -> None:
    subscriber = Subscriber()
    waiting: list[Incoming] = []
    async with stack(waiting.append) as lower, stack() as upper:
        path = await way(upper, lower, "UDP")
        request = subscription(upper, path)
        asking = asyncio.create_task(upper.subscribe(request, path, on_request=subscriber.hear))
        while not waiting:
            await asyncio.sleep(0.005)
        back = lower.udp_path(("127.0.0.1", upper.port))
        for body, tag in ((b"early", "other"), (b"stranger", "third")):
            notify = lower.new_request(
                "NOTIFY",
                UPPER,
                from_uri=LOWER,
                to_uri=UPPER,
                path=back,
                call_id=request.call_id,
                from_tag=tag,
                body=body,
            )
            notify.headers.set("To", f"<{UPPER}>;tag={request.from_.tag}")
            assert (await lower.ask(notify, back)).status == 200
        waiting[0].respond(200, headers=(("Expires", "60"),), to_tag="x1")
        response, dialog = await asking
        assert dialog is not None and dialog.remote_tag == "x1"
        assert response.headers.get("Contact") is None
        assert subscriber.notices == [b"early", b"stranger"]


async def test_a_refused_or_unanswered_subscription_leaves_nothing_behind() -> None:
    subscriber = Subscriber()
    async with stack(lambda incoming: incoming.respond(489)) as lower, stack() as upper:
        path = await way(upper, lower, "UDP")
        response, dialog = await upper.subscribe(subscription(upper, path), path, on_request=subscriber.hear)
        assert (response.status, dialog) == (489, None)
        lower.on_request = lambda incoming: None
        with pytest.raises(RequestTimedOut):
            await upper.subscribe(subscription(upper, path), path, on_request=subscriber.hear, timeout_s=0.1)
        assert upper.statistics().dialogs == 0


async def test_the_end_of_a_connection_ends_the_subscriptions_over_it() -> None:
    owner, subscriber = Owner(), Subscriber()
    ends: list[str] = []
    async with stack() as upper:
        async with stack(owner.serve) as lower:
            path = await way(upper, lower, "TCP")
            _, dialog = await upper.subscribe(subscription(upper, path), path, on_request=subscriber.hear)
            assert dialog is not None
            dialog.on_end = ends.append
        async with asyncio.timeout(3.0):
            while not ends:
                await asyncio.sleep(0.01)
        assert ends == ["connection lost"]
        assert dialog.is_over
        with pytest.raises(TransportLost):
            await dialog.request("SUBSCRIBE", timeout_s=0.5)


async def test_a_subscribe_has_one_answer_only() -> None:
    asked: list[Incoming] = []

    def serve(incoming: Incoming) -> None:
        asked.append(incoming)
        incoming.respond(403)

    async with stack(serve) as lower, stack() as upper:
        path = await way(upper, lower, "UDP")
        await upper.subscribe(subscription(upper, path), path, on_request=lambda incoming: None)
        with pytest.raises(ValueError, match="already"):
            asked[0].accept_subscription(600)
