"""The door for people and programs: HTTP under /api/v1, events as they happen, and the console's files.

`server` puts the app together. A request passes the `guard`, which asks `auth` who it is, and comes to a function that
`routing` declared; `desk` is what that function finds, `views` what it shows, `texts` what it takes, `errors` what it
answers when things go wrong. `passwords` and `throttle` watch the log-in; `feed` tells open consoles the `news`;
`leases` remembers whose pictures flow; `static` hands out the console, `headers` bounds what a browser may do with it;
`uppers` shows platforms above, `addresses` reads where they are, and `preview` draws the tree that each will see;
`openapi` writes the book of routes from the routes; `wishes` is what we need of other rooms. `api/` holds a file per
subject.
"""
