"""The roof: reads `conf/`, builds the rooms, joins them, starts and stops them. Nobody imports it."""
