"""The shelves of the library: the only place that knows SQL.

`promise` is what a store promises, `memory` and `sql` keep it and pass the same tests, `tables` names the columns,
`migrate` brings a database up to them.
"""
