"""What the house counts, for Prometheus."""

from __future__ import annotations

from prometheus_client.exposition import CONTENT_TYPE_LATEST

from web.auth import Role
from web.desk import Visit
from web.routing import Reply, route


@route("GET", "/metrics", role=Role.SCRAPER, at_root=True, by_address=True, media_type="text/plain")
async def metrics(visit: Visit) -> Reply[None]:
    """Counters and gauges in Prometheus' text format.

    For API keys with the role scraper or more, for people who are logged in, and without either for the addresses in
    the setting `scrapers`.
    """
    paper = await visit.desk.scrape.paper()
    return Reply(encoded=paper, headers={"Content-Type": CONTENT_TYPE_LATEST, "Cache-Control": "no-store"})
