# Everything that one does with this repository. `make` alone lists it. Needs Python ≥ 3.11, git and make;
# the rest is set up by itself (tools/setup).

PYTHON ?= python3
DIR    ?= crds/examples
HOST   ?= localhost
PORT   ?= 9999
ARGS   ?=
BIN    := .venv/bin
export PATH := $(PATH):/usr/local/sbin:/usr/sbin:/sbin
SETUP  := $(PYTHON) tools/setup
CHAOS  := tests/e2e/test_e2e_cloudwatch.py tests/e2e/chaos

.DEFAULT_GOAL := help
.PHONY: help run test test-mysql e2e cluster install cluster-down cluster-torture check chart-reference format chaos chaos-jobs chaos-cluster bench bench-cluster setup clean

help: ## this list
	@echo 'Nice Commander for Kubernetes'
	@echo
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do \
		printf '  make %-15s %s\n' "$$name" "$$text"; done

run: ## start it on a folder of tasks: make run [DIR=crds/examples] [PORT=9999] [ARGS=--no-sync]
	@$(SETUP) run
	@exec $(BIN)/nicectl dev $(DIR) --host $(HOST) --port $(PORT) $(ARGS)

test: ## all tests; installs MariaDB and Chromium if missing: make test [ARGS=tests/unit]
	@$(SETUP) test
	@exec $(BIN)/python -m pytest $(ARGS)

test-mysql: ## the store and the replicas on MySQL itself, fetched once: make test-mysql [ARGS="-k claim"]; or NICE_TEST_MYSQL_URL
	@$(SETUP) mysql
	@NICE_TEST_SERVER=mysql $(BIN)/python -m pytest tests/contract tests/integration/test_two_replicas.py $(ARGS)

e2e: ## the tests on a real Kubernetes, made for them and taken away: make e2e [ARGS="-k pods"] (docs/testing.md)
	@$(SETUP) cluster
	@exec $(BIN)/python -m tests.cluster --name e2e e2e $(ARGS)

cluster: ## a real Kubernetes on this machine to look at: make cluster [ARGS="--nodes 2"]; needs root, Linux, Go
	@$(SETUP) cluster
	@exec $(BIN)/python -m tests.cluster up $(ARGS)

install: ## the product on that cluster, from this checkout, in namespace nice; prints what to try
	@exec $(BIN)/python -m tests.cluster install

cluster-down: ## take that cluster away
	@exec $(BIN)/python -m tests.cluster down

cluster-torture: ## proof that a killed bring-up leaves nothing: ten at random moments, each brought up again [ARGS="--times 3"]
	@$(SETUP) cluster
	@exec $(BIN)/python -m tests.cluster --name torture torture $(ARGS)

check: ## style, types, import rules, the lock and the README's commands
	@$(SETUP) dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m mypy
	$(BIN)/python -m mypy -p benchmarks
	MYPYPATH=tools/setup $(BIN)/python -m mypy tools/setup/*.py
	$(BIN)/lint-imports
	$(PYTHON) tools/setup lock
	$(BIN)/python -m pytest -q tests/acceptance/test_readme.py

chart-reference: ## write the chart's table of values and its schema anew, from values.yaml
	@$(SETUP) dev
	@$(BIN)/python tools/chart_reference.py

format: ## write the code in the house style
	@$(SETUP) dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

chaos: chaos-jobs chaos-cluster ## everything killed, frozen and cut, nothing lost; as root, an hour or more: make chaos [ARGS="-k redis"]

chaos-jobs: ## of these: 200 workers, 10,000 jobs, and a server that is killed; no cluster needed (minutes)
	@$(SETUP) test
	@NICE_CHAOS=full $(BIN)/python -m pytest -v tests/acceptance/test_chaos.py

chaos-cluster: ## of these: two nodes made for it and taken away, every harm to them, CloudWatch away for two minutes
	@$(SETUP) cluster
	@NICE_CHAOS=full $(BIN)/python -m tests.cluster --name chaos e2e -sv -m "chaos or e2e" $(CHAOS) $(ARGS)

bench: ## the figures of the README, on this machine: make bench [ARGS=--only=api]
	@$(SETUP) test
	@exec $(BIN)/python -m benchmarks $(ARGS)

bench-cluster: ## figures on a cluster made for it, as root: make bench-cluster [ARGS=--only=many]
	@$(SETUP) test
	@$(SETUP) cluster
	@exec $(BIN)/python -m benchmarks.cluster $(ARGS)

setup: ## install what is needed for working on it (the other commands do so by themselves)
	@$(SETUP) test

clean: ## remove what was installed or made here (task data in .nice-commander stay)
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis tests/browser/screenshots
