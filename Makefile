# Two words for a newcomer: `make demo` and `make test`. The rest are for those who live here.
.DEFAULT_GOAL := help
.PHONY: help demo serve compiled test check journeys clicks conformance bench bench-page console python packages house clean

PY := .venv/bin/python
# Tests that run at once: more than there are cores, for half of a journey is waiting.
AT_ONCE := $(shell cores=$$(nproc 2>/dev/null || echo 2); echo $$((cores + (cores + 1) / 2)))

help:
	@echo "make demo      set up everything and watch simulated cameras in the console"
	@echo "make test      set up everything and run every test"
	@echo "make serve     run the server with conf/server.toml and data in var/"
	@echo "make compiled  the format modules as machine code, if there is a C compiler; optional"
	@echo "make check     format, types and the fast tests, for before a commit"
	@echo "make journeys  the stories on real sockets, and the one in a browser"
	@echo "make clicks    the journeys in a browser, and what the operator's tasks cost into docs/clicks.md"
	@echo "make conformance  the conformance list, line by line, into docs/conformance.md"
	@echo "make bench     the yardsticks of the media engine in one table, then the other measures in tests/bench"
	@echo "make bench-page  the table again, into docs/bench.md and the README"

python:
	@sh tools/setup.sh python

console:
	@sh tools/setup.sh console

packages:
	@sh tools/setup.sh packages

# Both at once: each waits for its own packages.
house:
	@$(MAKE) --no-print-directory -j2 python console

demo: house
	@exec .venv/bin/lianwang demo

serve: python console
	@exec .venv/bin/lianwang serve

compiled: python
	@$(PY) -m pip install --quiet --disable-pip-version-check -e '.[compiled]'
	@$(PY) tools/compile_formats.py

test: packages house
	@$(PY) -m ruff format --check --quiet . && $(PY) -m ruff check --quiet .
	@$(PY) -m mypy & types=$$!; (cd web/console && npm run --silent test) & words=$$!; \
		$(PY) -m pytest -q -n $(AT_ONCE) --dist loadgroup $(PYTEST_ARGS); failed=$$?; \
		wait $$types || failed=1; wait $$words || failed=1; exit $$failed

check: python
	@$(PY) -m ruff format --check --quiet . && $(PY) -m ruff check --quiet .
	@$(PY) -m mypy
	@$(PY) -m pytest -q -x --ignore=tests/journeys -m "not browser and not sipp and not postgres and not ffmpeg"

journeys: packages python console
	@$(PY) -m pytest -q tests/journeys

clicks: packages python console
	@$(PY) -m pytest -q -n 2 --dist loadgroup tests/journeys -m browser --clicks-page docs/clicks.md

conformance: packages python
	@$(PY) -m pytest -q -n 2 --dist loadgroup tests/conformance --conformance-page docs/conformance.md

bench: python
	@$(PY) -m tests.bench bench_table
	@for bench in $(filter-out tests/bench/bench_table.py,$(wildcard tests/bench/bench_*.py)); do \
		echo "== $$bench"; $(PY) -m tests.bench $$(basename $$bench .py) || exit 1; done

bench-page: python
	@$(PY) -m tests.bench bench_table --write

clean:
	rm -rf .venv build var web/console/node_modules web/console/dist
