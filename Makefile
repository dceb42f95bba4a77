# Everything a developer types. `make` alone prints this list.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON := .venv/bin/python
# Runs one after the other even under `make -j`: the targets share .venv and build/.
.NOTPARALLEL:
.PHONY: help setup demo test faults sim fuzz bench gen lint lock clean

help: ## Print this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | while IFS=$$'\t' read -r name text; do printf '  make %-8s %s\n' "$$name" "$$text"; done

setup: ## Install everything that demo and tests need, and make .venv
	@tools/setup.sh test

demo: ## Run the whole federation on this machine: hub, five province nodes, real data
	@tools/setup.sh run
	@.venv/bin/twelve333 demo

test: ## Run every check and every test, as CI does (ARGS="-k word" narrows it)
	@tools/setup.sh test
	@$(PYTHON) -m pytest -n 2 --dist loadfile $(ARGS)

faults: ## Break hub, nodes, broker and network one after the other, and count what is lost (ONLY=prefix for a part, QUICK=1)
	@tools/setup.sh test
	@$(PYTHON) -m tests.faults $(if $(QUICK),--quick) $(ONLY)

sim: ## Simulate a federation under faults from that many seeds (SEEDS=1000); prints what failed and how to replay it
	@tools/setup.sh test
	@$(PYTHON) -m twelve333.testing.simulation --seeds $(or $(SEEDS),1000)

fuzz: ## Feed every decoder that faces a peer with a million inputs (INPUTS=1000000)
	@tools/setup.sh test
	@$(PYTHON) -m twelve333.testing.fuzz --inputs $(or $(INPUTS),1000000)

bench: ## Measure side by side with a peer, write build/bench.json (ONLY=prefix for a part)
	@tools/setup.sh bench
	@$(PYTHON) -m benchmarks $(ONLY)

gen: ## Make libs/twelve333/api from proto/
	@tools/setup.sh test
	@$(PYTHON) tools/gen.py

lint: ## Style, types, layers and schemas only (a part of `make test`)
	@tools/setup.sh test
	@$(PYTHON) -m pytest -q tests/tooling

lock: ## Resolve requirements.lock anew from pyproject.toml (needs uv)
	@python3 tools/lock.py

clean: ## Remove what was made here: .venv, build, caches
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
