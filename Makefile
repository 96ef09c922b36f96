# The commands of the project. `make run` and `make test` set up what they need; nothing else has to be installed first
# than Python 3.11 or newer and, for the review page's viewer, npm.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh

VENV := .venv
PY := $(VENV)/bin/python
# The first that runs and is new enough: a version manager's shim may exist for a Python that is not installed.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
PIP_INSTALL := $(PY) rxproject/local/install.py
# More options for the command behind run, test and bench, as in: make test ARGS="tests/rxproject/local/stack -x"
ARGS ?=

.PHONY: help
help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

# --- Set-up. `.dev` contains everything of `.stack`, so each stamp says what is installed now. ---------------------
$(PY):
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer was found; name one: make PYTHON=/path/to/python3.11" >&2; exit 2; }
	@echo "Making $(VENV) ..."
	@# Without ensurepip (Debian: python3-venv) a useless half would stay behind.
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 2; }

$(VENV)/.stack: requirements-stack.txt | $(PY)
	@echo "Installing the application and its servers ..."
	@rm -f $(VENV)/.dev
	@$(PIP_INSTALL) requirements-stack.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt | $(PY)
	@echo "Installing the application, its servers and the tools ..."
	@$(PIP_INSTALL) requirements-dev.txt
	@touch $(VENV)/.stack $@

# The viewer of the review page, and the fonts of PDF pages that bring none. Without npm that page shows plain images,
# and much text of such pages is not drawn (they say so).
FRONT :=
ifneq ($(wildcard package.json),)
FRONT := node_modules/.stamp
endif

node_modules/.stamp: package.json $(wildcard package-lock.json)
	@if command -v npm >/dev/null; then \
		echo "Fetching the review page's viewer and fonts (npm) ..." && npm ci --ignore-scripts --no-audit --no-fund && touch $@; \
	else \
		echo "npm was not found: the review page will show plain images instead of the zooming viewer, and PDF files" \
			"that bring no fonts will lack most scripts." >&2; \
	fi

# --- What people use ------------------------------------------------------------------------------------------------
.PHONY: run
run: $(VENV)/.stack $(FRONT) ## the whole stack on this machine, with sample prescriptions
	@$(PY) manage.py runstack --demo $(ARGS)

.PHONY: test
test: $(VENV)/.dev $(FRONT) ## every test but those in a browser and the long ones
	$(PY) -m pytest -n 2 --dist loadgroup $(ARGS)

.PHONY: browser
browser: $(VENV)/.dev $(FRONT) ## the journeys of people and all screens, in Chromium
	$(PY) -m pytest -n 2 --dist loadgroup -m "browser and not long" $(ARGS)

.PHONY: long
long: $(VENV)/.dev $(FRONT) ## the long ones: every screen through axe, collected files, 100,000 reviews, kills of the whole stack
	$(PY) -m pytest -n 2 --dist loadgroup -m long $(ARGS)

.PHONY: soak
soak: $(VENV)/.dev ## ten thousand renders, which must leave nothing behind
	RX_SOAK=10000 $(PY) -m pytest tests/transforms/sandbox/test_soak.py

.PHONY: busy
busy: $(VENV)/.dev ## two hundred uploads and all their variants while other programs take every core
	RX_BUSY=200 $(PY) -m pytest -m long -o log_cli=true -o log_cli_level=ERROR tests/faults/test_busy_machine.py

.PHONY: events
events: $(VENV)/.dev ## ten thousand events to a receiver that fails three times in ten, while parts are killed
	RX_EVENTS=10000 $(PY) -m pytest -m long tests/faults/test_events.py

.PHONY: drill
drill: $(VENV)/.dev ## breaks every part of a staging stack while people use it, and prints what that cost
	$(PY) -m tests.drill $(ARGS)

.PHONY: alerts
alerts: $(VENV)/.dev ## causes what each alert watches for, and sees it fire; needs Debian's prometheus (ARGS="--only RxNoSweep")
	$(PY) -m tests.drill alerts $(ARGS)

.PHONY: compose-test
compose-test: $(VENV)/.dev $(FRONT) ## docker-compose.yml on a real Docker Engine of its own; needs root (ARGS="--to journey": only so far)
	$(PY) -m tests.deploy.engine $(ARGS)

.PHONY: cluster-test
cluster-test: $(VENV)/.dev $(FRONT) ## the product on several hosts that are cut off, lag and are upgraded; needs root (ARGS="--to stampede")
	$(PY) -m tests.cluster $(ARGS)

.PHONY: viewers-test
viewers-test: $(VENV)/.dev ## the IIIF viewers of others, on another origin, with cold and with refused tiles; needs Debian's chromium
	$(PY) -m tests.viewers $(ARGS)

.PHONY: fuzz
fuzz: $(VENV)/.dev ## the tests that make up their own cases, with fifty times as many
	RX_FUZZ=50 $(PY) -m pytest -n 2 --dist loadgroup --timeout 7200 tests/transforms/request/test_spec_properties.py \
		tests/prescriptions/review/test_machine.py tests/prescriptions/api/test_fuzz.py

# The linters of the API's document and its TypeScript client.
clients/typescript/node_modules/.stamp: clients/typescript/package.json clients/typescript/package-lock.json
	@echo "Fetching the linters of the API's document (npm) ..."
	@cd clients/typescript && npm ci --ignore-scripts --no-audit --no-fund && touch node_modules/.stamp

.PHONY: contract
contract: $(VENV)/.dev clients/typescript/node_modules/.stamp ## the API against its OpenAPI document: linters, generated clients, made-up requests
	$(PY) -m pytest -n 2 --dist loadgroup -m contract tests/contract $(ARGS)

.PHONY: fuzz-api
fuzz-api: $(VENV)/.dev ## more than five thousand requests that schemathesis makes up from the OpenAPI document
	RX_API_EXAMPLES=80 $(PY) -m pytest -s -m contract tests/contract/test_made_up.py

.PHONY: lint
lint: $(VENV)/.dev ## style, types, layers, migrations, container files
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	@cd clients/python && $(CURDIR)/$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(PY) manage.py makemigrations --check --dry-run
ifneq ($(wildcard docker-compose.yml),)
	$(VENV)/bin/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
endif
ifneq ($(wildcard Dockerfile),)
	$(VENV)/bin/hadolint Dockerfile
endif

ifneq ($(wildcard deploy/lambda/template.yaml),)
	$(VENV)/bin/hadolint deploy/aws/Dockerfile
	$(VENV)/bin/cfn-lint --include-checks W I --non-zero-exit-code informational deploy/lambda/template.yaml deploy/aws/*.yaml
endif
	@$(PY) -m rxproject.local.advisories

.PHONY: advisories
advisories: $(VENV)/.dev ## known vulnerabilities of what is installed; says so where that cannot be looked up
	@$(PY) -m rxproject.local.advisories

.PHONY: sbom
sbom: $(VENV)/.dev ## what is in a release, as CycloneDX: build/sbom.json, build/sbom-web.json
	@mkdir -p build
	@$(VENV)/bin/cyclonedx-py requirements requirements.txt --output-reproducible --of JSON -o build/sbom.json
	@npm sbom --sbom-format=cyclonedx --package-lock-only --omit=dev >build/sbom-web.json

.PHONY: lambda-zip
lambda-zip: $(VENV)/.dev $(FRONT) ## the Lambda function's code, for arm64 (ARCH=x86_64 for the other)
	$(PY) deploy/lambda/build_zip.py --arch $(or $(ARCH),arm64)

.PHONY: bench
bench: $(VENV)/.dev ## benchmarks against named peers; ARGS=--write for docs/reference/benchmarks.md
	$(PY) -m bench $(ARGS)

.PHONY: demo-shots
demo-shots: $(VENV)/.dev $(FRONT) ## pictures of the real pages for docs/; needs Debian's chromium
	$(PY) -m rxproject.local.shots $(ARGS)

.PHONY: requirements
requirements: | $(PY) ## compile requirements*.txt from requirements*.in
	$(PY) -m pip install --disable-pip-version-check --quiet --target build/uv uv
	build/uv/bin/uv pip compile --quiet --universal -p 3.11 --generate-hashes requirements.in -o requirements.txt
	build/uv/bin/uv pip compile --quiet --universal -p 3.11 --generate-hashes -c requirements.txt requirements-stack.in -o requirements-stack.txt
	build/uv/bin/uv pip compile --quiet --universal -p 3.11 --generate-hashes -c requirements-stack.txt requirements-telemetry.in -o requirements-telemetry.txt
	build/uv/bin/uv pip compile --quiet --universal -p 3.11 --generate-hashes -c requirements-stack.txt -c requirements-telemetry.txt requirements-dev.in -o requirements-dev.txt

.PHONY: clean
clean: ## remove what can be made again; the state in var/ stays
	rm -rf $(VENV) node_modules build dist staticfiles .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
