"""Those with whom we register: platforms above, to whom we are a lower platform.

`above` joins the rest. For each upper there is a `liaison`: the `way` to it (codes, charset, numbers, address, from one
of our `stacks`), an `agent` that registers by the table in `registration`, and a desk of `notices` that writes what
stands in its book of `subscriptions`. Shared by all are `answers` to queries and controls, which hand on what concerns
things below with `codes` translated, in `turns` for each thing, and send long answers as `pages`; and `calls`, which
take INVITE. `user_identity` says by whose realms a wish came, `connect_test` tries an upper out, `settings` has every
number, and `wishes` says what we need of other rooms.
"""
