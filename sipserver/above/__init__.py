"""Those with whom we register: platforms above, to whom we are a lower platform.

`registration` is the table of a user agent's life and `agent` its driver, one per upper. `way` speaks to an upper: its
codes, charset, numbers and address. `answers` takes queries and controls from above, `pages` sends long answers part
by part, `calls` takes INVITE, `subscriptions` is the book of who follows what and `notices` writes to them. `wishes`
says what all of them need of other rooms, and `above` joins them.
"""
