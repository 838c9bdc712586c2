"""What the house counts, as Prometheus reads it. Nothing is counted here: at a scrape the rooms are asked.

`family` is the one shape of everything; `counted` is the table of the rooms' counters, `neighbours` tells of peers and
of what we know, `streams` of what flows and of the workers; `scrape` puts them on paper.
"""
