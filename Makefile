# Préau: `make help` lists what there is to run.

PYTHON ?= python3
UV ?= uv
BIN := .venv/bin
# Further arguments of pytest or of the benchmarks: make test ARGS="-k digest"
ARGS ?=

# `make test` installs more than `make demo` needs. Where the larger set is there, it serves for
# both: neither target ever installs again what the other one has.
DEMO_VENV := $(if $(wildcard .venv/dev.stamp),.venv/dev.stamp,.venv/demo.stamp)

.PHONY: help demo test check screens bench lock docs debian-packages
.DEFAULT_GOAL := help

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

demo: $(DEMO_VENV) ## Run everything on this machine (PREAU_PORT=8080, DEMO_CLOCK=2026-09-14T12:55)
	@sh deploy/local/debian-packages.sh mongod
	@exec $(BIN)/python -m deploy.demo $(ARGS)

test: check debian-packages ## All tests, with real MongoDB, RabbitMQ and SMTP (ARGS for pytest)
	@$(BIN)/python -m pytest $(ARGS)

check: .venv/dev.stamp ## Format, lint, types, import rules
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

screens: .venv/dev.stamp debian-packages ## Replay the guides and take the pictures of docs/screens again
	@SCREENS=1 $(BIN)/python -m pytest --numprocesses=0 tests/portal $(ARGS)

bench: .venv/dev.stamp debian-packages ## Benchmarks, as a table and bench.json
	@$(BIN)/python -m tests.bench $(ARGS)

docs: .venv/dev.stamp ## Write the generated documents again
	@$(BIN)/preau docs

debian-packages: .venv/dev.stamp
	@sh deploy/local/debian-packages.sh mongod rabbitmq nginx chromium

.venv/demo.stamp: requirements/demo.lock
	@sh deploy/local/venv.sh "$(PYTHON)" demo

.venv/dev.stamp: requirements/dev.lock
	@sh deploy/local/venv.sh "$(PYTHON)" dev

# The largest set is resolved first and binds the others, so that all three agree.
lock: ## Resolve the versions again, within pyproject.toml (needs uv; UPGRADE=--upgrade for newer)
	@$(call resolve,dev,pyproject.toml --extra dev requirements/build.in)
	@$(call resolve,demo,pyproject.toml --extra demo requirements/build.in --constraint requirements/dev.lock)
	@$(call resolve,base,pyproject.toml --constraint requirements/dev.lock)
	@$(call resolve,build,requirements/build.in --constraint requirements/dev.lock)

define resolve
$(UV) pip compile $(2) --output-file requirements/$(1).lock --quiet \
	--universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-emit-package preau \
	--custom-compile-command "make lock" $(UPGRADE)
endef
