"""What is said in the name of a user carries who it is, on the wire."""

from __future__ import annotations

from gb28181.identity import HEADER, of_operator
from gb28181.manscdp.control import DeviceControl
from sipserver.above.user_identity import extended, realms_of

CAMERA = "34020000001320000001"
OWN, LOWER = "34020000002000000001", "34020200002000000001"


async def test_a_control_in_the_name_of_a_user_carries_who_it_is(make_house, make_camera, until_true):
    house = await make_house()
    camera = await make_camera(house)
    await camera.register()
    await until_true(lambda: not house.below.is_onboarding(CAMERA))
    link = house.below.peer(CAMERA)
    seen: list[str | None] = []
    camera.stack.on_request = lambda incoming: (
        seen.append(incoming.request.headers.get(HEADER)),
        incoming.respond(200),
    )
    name = of_operator(OWN, "li", "operator")
    named = link.in_name_of(name)
    assert (named.code, named.is_online) == (link.code, True)
    await named.tell(DeviceControl(5, CAMERA, i_frame=True))
    await link.tell(DeviceControl(5, CAMERA, i_frame=True))
    assert seen == [name, None]


def test_the_next_realm_puts_itself_in_front_and_knows_where_it_came_from():
    name = of_operator(OWN, "王 li-wei\r\n", "viewer")
    assert name.isascii() and name.isprintable() and name.count("-") == 2
    assert realms_of(extended(name, LOWER)) == (LOWER, OWN)
