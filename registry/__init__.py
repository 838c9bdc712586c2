"""The library: what we know of devices, channels, the tree and presence.

Values and rules in `device channel catalog presence tree divisions` are pure. `directory` is the way in; behind it
stand `devices` (changed and noted), `catalogs` (taken in), `uppers` (platforms above), `tree_view` and `search` (what
is seen and found), and `changes`, through whose hand goes all that changes the tree. `events` holds the facts others
may listen to; `store/` is the only place that knows SQL.
"""
