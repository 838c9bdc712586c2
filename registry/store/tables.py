"""The tables and their columns, for SQLite and PostgreSQL alike.

A change here needs a revision in `migrations/versions`; a test holds the two against each other.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, MetaData, Table, Text

from registry.store.promise import Shelf

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

# Codes and ids are compared byte by byte everywhere, so that pages continue alike on both databases.
Key = Text().with_variant(Text(collation="C"), "postgresql")
# SQLite counts rows by itself only in a column that is called INTEGER.
Serial = BigInteger().with_variant(Integer(), "sqlite")


def _key(name: str) -> Column[str]:
    return Column(name, Key, primary_key=True)


devices = Table(
    "devices",
    metadata,
    _key("code"),
    Column("name", Text, nullable=False),
    Column("name_here", Text),
    Column("kind", Text, nullable=False),
    Column("password", Text),
    Column("enabled", Boolean, nullable=False),
    Column("media_transport", Text, nullable=False),
    Column("send_date", Boolean, nullable=False),
    Column("keepalive_interval_s", Integer),
    Column("keepalive_count", Integer),
    Column("charset", Text, nullable=False),
    Column("dialect", Text, nullable=False),
    Column("presence", Text, nullable=False),
    Column("presence_reason", Text, nullable=False),
    Column("presence_since", Float(53)),
    Column("edition", Text, nullable=False),
    Column("transport", Text, nullable=False),
    Column("remote_host", Text, nullable=False),
    Column("remote_port", Integer, nullable=False),
    Column("local_host", Text, nullable=False),
    Column("local_port", Integer, nullable=False),
    Column("contact", Text, nullable=False),
    Column("user_agent", Text, nullable=False),
    Column("registered_at", Float(53)),
    Column("expires_at", Float(53)),
    Column("heard_at", Float(53)),
    Column("manufacturer", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("firmware", Text, nullable=False),
    Column("channels_said", BigInteger),
    Column("channels_total", BigInteger, nullable=False),
    Column("channels_online", BigInteger, nullable=False),
    Column("catalog_at", Float(53)),
    Column("catalog_complete", Boolean, nullable=False),
    Column("catalog_note", Text, nullable=False),
    Column("refused_at", Float(53)),
    Column("refusal", Text, nullable=False),
    Column("refusal_note", Text, nullable=False),
    Column("added_at", Float(53)),
    Column("media_zone", Text, nullable=False, server_default=""),
    Column("follows", Text, nullable=False, server_default=""),
)

refusals = Table(
    "refusals",
    metadata,
    _key("code"),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("transport", Text, nullable=False),
    Column("at", Float(53), nullable=False),
    Column("user_agent", Text, nullable=False),
    Column("count", BigInteger, nullable=False),
)

channels = Table(
    "channels",
    metadata,
    _key("owner"),
    _key("code"),
    Column("name", Text, nullable=False),
    Column("name_here", Text),
    Column("keys", Text, nullable=False),
    Column("playable", Boolean, nullable=False),
    Column("online", Boolean, nullable=False),
    Column("place", Key, nullable=False),
    Column("also", Key, nullable=False),
    Column("said", Text, nullable=False),
    Index(None, "place", "code", "owner"),
    Index(None, "code", "owner"),
)

# The second and further places of a channel; the first is `channels.place`.
memberships = Table(
    "memberships",
    metadata,
    _key("owner"),
    _key("code"),
    _key("place"),
    Index(None, "place", "code", "owner"),
)

directories = Table(
    "directories",
    metadata,
    _key("owner"),
    _key("code"),
    Column("kind", Text, nullable=False),
    Column("said", Text, nullable=False),
)

nodes = Table(
    "nodes",
    metadata,
    _key("id"),
    Column("kind", Text, nullable=False),
    Column("code", Key, nullable=False),
    Column("name", Text, nullable=False),
    Column("parent", Key),
    Column("owner", Key, nullable=False),
    Column("online", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("standing", BigInteger, nullable=False),
    Column("kids", BigInteger, nullable=False),
    Column("lit", Boolean, nullable=False),
)

holdings = Table(
    "holdings",
    metadata,
    _key("owner"),
    _key("places"),
    Column("channels", BigInteger, nullable=False),
    Column("cameras", BigInteger, nullable=False),
    Column("online", BigInteger, nullable=False),
)

users = Table(
    "users",
    metadata,
    _key("name"),
    Column("role", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("must_change", Boolean, nullable=False),
    Column("created_at", Float(53), nullable=False),
    Column("disabled", Boolean, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    _key("id_hash"),
    Column("user", Key, nullable=False),
    Column("created", Float(53), nullable=False),
    Column("expires", Float(53), nullable=False),
    Column("ttl_s", Float(53), nullable=False),
    Column("last_seen", Float(53), nullable=False),
    Column("address", Text, nullable=False),
)

api_keys = Table(
    "api_keys",
    metadata,
    _key("id"),
    Column("name", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("created_at", Float(53), nullable=False),
    Column("last_used", Float(53)),
    Column("expires", Float(53)),
)

settings = Table(
    "settings",
    metadata,
    _key("name"),
    Column("value", Text, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("at", Float(53), nullable=False),
    Column("who", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("result", Text, nullable=False),
    Column("address", Text, nullable=False),
)

uppers = Table(
    "uppers",
    metadata,
    _key("code"),
    Column("name", Text, nullable=False),
    Column("domain", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("port", Integer, nullable=False),
    Column("transport", Text, nullable=False),
    Column("edition", Text, nullable=False),
    Column("charset", Text, nullable=False),
    Column("user", Text, nullable=False),
    Column("password", Text, nullable=False),
    Column("our_code", Text, nullable=False),
    Column("local_host", Text, nullable=False),
    Column("expires_s", Integer, nullable=False),
    Column("keepalive_interval_s", Float(53), nullable=False),
    Column("keepalive_count", Integer, nullable=False),
    Column("page_size", Integer, nullable=False),
    Column("secrecy", Boolean, nullable=False),
    Column("arrangement", Text, nullable=False),
    Column("share_all", Boolean, nullable=False),
    Column("push_alarms", Boolean, nullable=False),
    Column("push_positions", Boolean, nullable=False),
    Column("initial_report", Boolean, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("media_transport", Text, nullable=False),
    Column("added_at", Float(53)),
)

share_rules = Table(
    "share_rules",
    metadata,
    _key("upper"),
    _key("node"),
    Column("include", Boolean, nullable=False),
)

share_names = Table(
    "share_names",
    metadata,
    _key("upper"),
    _key("owner"),
    _key("code"),
    Column("code_there", Key, nullable=False),
    Column("name_there", Text, nullable=False),
)

upper_sent = Table(
    "upper_sent",
    metadata,
    _key("upper"),
    _key("code_there"),
    Column("code", Key, nullable=False),
    Column("name", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("online", Boolean, nullable=False),
    Index(None, "upper", "code", "code_there"),
)

# Our names of channels that are gone, for when they come back.
names_kept = Table(
    "names_kept",
    metadata,
    _key("owner"),
    _key("code"),
    Column("name", Text, nullable=False),
    Column("gone_at", Float(53), nullable=False),
)

sources = Table(
    "sources",
    metadata,
    _key("code"),
    Column("name", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("user", Text, nullable=False),
    Column("password", Text, nullable=False),
    Column("way", Text, nullable=False),
    Column("file", Text, nullable=False),
    Column("civil_code", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("added_at", Float(53)),
)

record_plans = Table(
    "record_plans",
    metadata,
    _key("owner"),
    _key("channel"),
    Column("stream", Integer, primary_key=True),
    Column("always", Boolean, nullable=False),
    Column("week", Text, nullable=False),
    Column("on_alarm", Boolean, nullable=False),
    Column("post_s", Integer, nullable=False),
    Column("form", Text, nullable=False),
    Column("quota_bytes", BigInteger),
    Column("keep_days", Integer),
    Column("fills", Boolean, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("settled_at", Float(53), nullable=False),
)

record_gaps = Table(
    "record_gaps",
    metadata,
    _key("owner"),
    _key("channel"),
    Column("stream", Integer, primary_key=True),
    Column("start_ms", BigInteger, primary_key=True),
    Column("end_ms", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("next_at", Float(53), nullable=False),
    Column("note", Text, nullable=False),
)

# Spans that alarms called for.
record_calls = Table(
    "record_calls",
    metadata,
    _key("owner"),
    _key("channel"),
    Column("start_ms", BigInteger, primary_key=True),
    Column("end_ms", BigInteger, nullable=False),
)

# What is being recorded now; whoever starts after a crash goes on with these.
recordings_open = Table(
    "recordings_open",
    metadata,
    _key("id"),
    Column("owner", Key, nullable=False),
    Column("channel", Key, nullable=False),
    Column("stream", Integer, nullable=False),
    Column("form", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("started_at", Float(53), nullable=False),
)

# Every whole file of every recording; there may be millions, so they are asked for by span and never held.
segments = Table(
    "segments",
    metadata,
    _key("recording"),
    _key("name"),
    Column("owner", Key, nullable=False),
    Column("channel", Key, nullable=False),
    Column("stream", Integer, nullable=False),
    Column("start_ms", BigInteger, nullable=False),
    Column("end_ms", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("frames", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("locked", Boolean, nullable=False),
    Index(None, "owner", "channel", "start_ms"),
    Index(None, "start_ms"),
)

alarms = Table(
    "alarms",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=False),
    Column("owner", Key, nullable=False),
    Column("channel", Key, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("method", Integer, nullable=False),
    Column("alarm_type", Text, nullable=False),
    Column("event_type", Integer),
    Column("first_at", Float(53), nullable=False),
    Column("last_at", Float(53), nullable=False),
    Column("heard_at", Float(53), nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("description", Text, nullable=False),
    Column("longitude", Float(53)),
    Column("latitude", Float(53)),
    Column("name", Text, nullable=False),
    Column("owner_name", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("words", Text, nullable=False),
    Column("video", Key, nullable=False),
    Column("state", Text, nullable=False),
    Column("acknowledged_by", Text, nullable=False),
    Column("acknowledged_at", Float(53)),
    Column("assigned_to", Text, nullable=False),
    Column("closed_by", Text, nullable=False),
    Column("closed_at", Float(53)),
    Column("verdict", Text, nullable=False),
    Column("reset", Text, nullable=False),
    Column("reset_note", Text, nullable=False),
    Column("snapshot", Text, nullable=False),
    Column("steps", Integer, nullable=False),
    Index(None, "last_at"),
    Index(None, "heard_at"),
    Index(None, "channel", "id"),
    Index(None, "state", "priority", "id"),
)

alarm_steps = Table(
    "alarm_steps",
    metadata,
    Column("alarm", Serial, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", Float(53), nullable=False),
    Column("who", Text, nullable=False),
    Column("deed", Text, nullable=False),
    Column("note", Text, nullable=False),
)

alarm_rules = Table(
    "alarm_rules",
    metadata,
    _key("id"),
    Column("name", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("owner", Key, nullable=False),
    Column("channel", Key, nullable=False),
    Column("methods", Text, nullable=False),
    Column("lowest_priority", Integer, nullable=False),
    Column("record_s", Integer, nullable=False),
    Column("popup", Boolean, nullable=False),
    Column("preset", Integer, nullable=False),
)

# Which camera looks at what an alarm input guards.
alarm_links = Table(
    "alarm_links",
    metadata,
    _key("owner"),
    _key("input"),
    Column("camera", Key, nullable=False),
)

# What was agreed with neighbours who sign their messages.
seals = Table(
    "seals",
    metadata,
    _key("code"),
    Column("seed", Text, nullable=False),
    Column("algorithm", Text, nullable=False),
    Column("is_hex", Boolean, nullable=False),
    Column("is_of_uris", Boolean, nullable=False),
    Column("since", Float(53)),
)

# Where moving things were.
fixes = Table(
    "fixes",
    metadata,
    _key("owner"),
    _key("code"),
    Column("at_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("longitude", Float(53), nullable=False),
    Column("latitude", Float(53), nullable=False),
    Column("speed", Float(53)),
    Column("direction", Float(53)),
    Column("altitude", Float(53)),
    Index(None, "at_ms"),
)

SHELVES: dict[Shelf, Table] = {shelf: metadata.tables[shelf.value] for shelf in Shelf}
