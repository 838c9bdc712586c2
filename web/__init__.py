"""The door for people and programs: HTTP under /api/v1, events as they happen, and the console's files.

`server` puts the app together; `routing` is what a route declares of itself and the one guard all requests pass;
`auth` says who asks; `passwords` and `throttle` watch the log-in; `errors` turns what went wrong into answers, once;
`feed` tells open consoles the news; `leases` remembers whose pictures flow; `openapi` writes the book of routes from
the routes; `wishes` is what we need of other rooms. `api/` holds a file per subject.
"""
