"""What the real house counts stands where /metrics looks for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.settings import Settings, joined
from app.wiring import House, open_house
from web.metrics import counted
from web.metrics.family import looked_up


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    plain = Settings()
    settings = replace(
        plain,
        sip=replace(plain.sip, host="127.0.0.1", port=0),
        media=replace(plain.media, host="127.0.0.1", first_port=0),
        web=replace(plain.web, host="127.0.0.1", port=0, scrapers=("127.0.0.1",)),
    )
    async with AsyncExitStack() as taken:
        yield await open_house(joined(settings), tmp_path, taken)


async def test_every_counter_of_the_table_is_there_and_every_refusal_has_its_line(house: House):
    async with aiohttp.ClientSession() as session, session.get(house.console_url + "/metrics") as response:
        assert response.status == 200
        text = await response.text()
    found = {family.name: family for family in text_string_to_metric_families(text)}
    without = {"media_ports_free"}  # ports of the system's choice are not numbered
    for family in counted.ALL:
        if family.name not in without:
            shown = {next(iter(sample.labels.values()), "") for sample in found[f"lianwang_{family.name}"].samples}
            assert shown == set(family.paths), family.name
    assert len(found["lianwang_sip_refusals"].samples) >= 17
    assert {sample.labels["worker"] for sample in found["lianwang_worker_up"].samples}
    assert looked_up({"above": dict(house.above.statistics())}, "above.registered") == 0
