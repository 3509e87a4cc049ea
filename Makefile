# The commands of a contributor. `make help` says what each does.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/installed
# The only package outside requirements.lock: it installs the others.
UV := uv>=0.5,<1
PO := $(wildcard vaihto/locale/*/LC_MESSAGES/*.po)
MO := $(PO:.po=.mo)
TEST_PROCESSES ?= 2

.DEFAULT_GOAL := help
.PHONY: help install demo test check format browser soak bench docs network messages screenshots coverage

help:  ## what each target does
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /|/' | awk -F'|' '{printf "  make %-12s %s\n", $$1, $$2}'

install: $(STAMP) $(MO)  ## everything into .venv; at once when nothing changed

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make $(MAKECMDGOALS) PYTHON=python3.11"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$(UV)"
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e .
	@touch $@

%.mo: %.po $(STAMP)
	$(BIN)/python -m vaihto.command.messages compile $< $@

demo: install  ## a running demo alliance on this machine
	$(BIN)/vaihto demo $(ARGS)

test: install  ## all tests but the browser's and the long ones
	@$(BIN)/python -m tests.left_out
	$(BIN)/python -m pytest -q -n $(TEST_PROCESSES) --dist worksteal --durations=5 --durations-min=1 $(ARGS)

browser: install  ## the tests that need Chromium
	@$(BIN)/python -m tests.left_out browser
	$(BIN)/python -m pytest -q -m browser tests/browser $(ARGS)

soak: install  ## the long forms: fuzz, kill and random walks
	$(BIN)/python -m pytest -q -m soak --timeout=0 $(ARGS)

coverage: install  ## what no test walks through
	$(BIN)/python -m pytest -q -n $(TEST_PROCESSES) --cov --cov-report=term $(ARGS)

check: install  ## format, lint, types, order of rooms, templates, translations, migrations
	$(BIN)/ruff format --check --quiet || { echo "make format puts this right"; exit 1; }
	$(BIN)/ruff check --quiet
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy
	$(BIN)/djlint vaihto --lint --quiet
	$(BIN)/python -m vaihto.command.messages check
	$(BIN)/python -m vaihto.command.reference --check
	VAIHTO_DATA=var/check $(BIN)/python manage.py makemigrations --check --dry-run --verbosity 0
	VAIHTO_DATA=var/check $(BIN)/python manage.py check
	$(BIN)/python -m compileall -q vaihto tests

format: install  ## put layout and imports in order
	$(BIN)/ruff check --quiet --fix-only --fixable I,F401,UP,RUF100
	$(BIN)/ruff format

bench: install  ## measure against the limits of the machine
	$(BIN)/vaihto bench $(ARGS)

docs: install  ## write the reference pages anew from the code
	$(BIN)/python -m vaihto.command.reference

messages: install  ## collect translatable sentences into vaihto/locale
	$(BIN)/python -m vaihto.command.messages update

screenshots: install  ## pictures of the main pages into docs/images
	$(BIN)/vaihto screenshots $(ARGS)

network: install  ## three nodes and a registry on this machine, over TLS
	$(BIN)/vaihto network $(ARGS)
