"""The library: what we know of devices, channels, the tree and presence.

Values and rules in `device channel catalog presence tree divisions` are pure; `directory` is the way in; `events`
holds the facts others may listen to; `store/` is the only place that knows SQL.
"""
