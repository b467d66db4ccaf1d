# Every target first sets up what it needs.  `make test` runs all checks.
VENV ?= .venv
BIN := $(VENV)/bin
# The first line is the interpreter that made $(VENV), the second line its prefix and version.
STAMP := $(VENV)/.installed
PINS := requirements.txt requirements-tools.txt requirements-dev.txt pyproject.toml

# PYTHON=… chooses the interpreter.  The default is the one that made $(VENV), then the first of these that is 3.11
# or later.
ifndef PYTHON
PYTHON := $(shell for name in $$(sed -n 1p $(STAMP) 2>/dev/null) python3 /usr/bin/python3 python3.14 python3.13 python3.12 python3.11; do \
  "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$name"; exit; }; done; echo python3)
endif
# Not exported to commands: deploy/debian/build would take it for a Python that has our packages.
unexport PYTHON
# Tests start a thousand processes of Python, and without bytecode each of them compiles all modules: half of its start.
unexport PYTHONDONTWRITEBYTECODE
# With another interpreter, or another version of it after an upgrade, $(VENV) is made again.
ASKED := $(shell $(PYTHON) -c 'import sys; print(sys.base_prefix, sys.version.split()[0])' 2>/dev/null)
ifneq ($(ASKED),$(shell sed -n 2p $(STAMP) 2>/dev/null))
OTHER := yes
.PHONY: $(STAMP)
endif

.PHONY: setup demo picture check test test-net test-pure test-twin lint types imports format reference bench bench-quick bench-hotpath fuzz properties soak soak-history soak-page soak-fleet attack audit wheel deb repo clean

setup: $(STAMP)

# Repeated only when the pins or the interpreter change.  Debian's python3 has no ensurepip without python3-venv.
$(STAMP): $(PINS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: $(PYTHON) is older than 3.11: set PYTHON=" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || $(MAKE) --no-print-directory .python3-venv
	@[ -z "$(OTHER)" ] && $(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@echo "installing the pinned packages into $(VENV)"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -r requirements-dev.txt
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-build-isolation --no-deps -e .
	@{ command -v $(PYTHON); echo "$(ASKED)"; } >$@

.PHONY: .python3-venv
.python3-venv: SUDO = $(if $(filter-out 0,$(shell id -u)),sudo -n)
.python3-venv:
	@echo "installing python3-venv"
	@command -v apt-get >/dev/null && { $(SUDO) apt-get update && $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3-venv; } >/dev/null 2>&1 || { echo "make: $(PYTHON) has no ensurepip, and it could not be installed from here; run: sudo apt-get install python3-venv" >&2; exit 1; }

# make demo ASTERISK=host:port USER=name SECRET_FILE=path runs it in front of a real Asterisk.
demo: .demo-arguments setup
	@$(BIN)/ami-proxy demo $(if $(ASTERISK),--asterisk '$(ASTERISK)' --user '$(DEMO_USER)' --secret-file '$(SECRET_FILE)')

# The pictures of the wallboard in README.md, made in a headless Chromium.
picture: setup
	@$(BIN)/python -m tests.deploy.picture

# The environment's USER is the person at the keyboard, not a manager user: only one given to make itself counts.
DEMO_USER := $(if $(filter command,$(firstword $(origin USER))),$(USER))
DEMO_GIVEN := $(strip $(if $(ASTERISK),ASTERISK) $(if $(DEMO_USER),USER) $(if $(SECRET_FILE),SECRET_FILE))
DEMO_LACKS = $(filter-out $(DEMO_GIVEN),ASTERISK USER SECRET_FILE)

# Before setup, which takes a minute the first time.
.PHONY: .demo-arguments
.demo-arguments:
	@[ -z '$(and $(DEMO_GIVEN),$(DEMO_LACKS))' ] || { echo "make: $(addsuffix =,$(DEMO_LACKS)) missing: for a real Asterisk, run: make demo ASTERISK=127.0.0.1:5038 USER=NAME SECRET_FILE=FILE (a manager user, and the file that has its secret)" >&2; exit 2; }

# PURE tests need no socket and no process.  The other tests mostly wait, so twice as many run as there are processors.
# Tests that measure, or need all processors, are marked serial and run at the end, alone.
PURE := tests/ami tests/core tests/config tests/tools/importers tests/x509
OTHERS := tests $(addprefix --ignore=,$(PURE))
AT_ONCE := -n $(shell expr 2 '*' $$(nproc)) --maxprocesses 8 --dist loadfile --no-loadscope-reorder

# The inner loop.  Property tests try a few examples here; `make test` tries all of them and measures the coverage.
check: lint types imports
	@HYPOTHESIS_PROFILE=quick $(BIN)/pytest -q -n auto -p no:randomly $(PURE) tests/test_architecture_page.py tests/test_tree.py
	@echo "check: all passed"

# Sockets on loopback, no other processes.
test-net: setup
	$(BIN)/pytest -q $(AT_ONCE) -m 'not serial' tests/net

# Tests that failed in parallel run once more, alone; those that pass then are listed at the end as unsteady.
# Measuring the coverage of the other tests takes more time than it tells: COVER= make test leaves it out.
COVER ?= --cov --cov-append --cov-report=

test: lint types imports
	@rm -rf build/failures build/unsteady.txt && mkdir -p build
	$(BIN)/pytest -n auto --cov --cov-report= $(PURE)
	$(BIN)/pytest $(AT_ONCE) -m 'not serial' -o cache_dir=build/failures $(COVER) $(OTHERS) || \
	  $(BIN)/python -m tests.alone build/failures build/unsteady.txt $(COVER)
	$(BIN)/pytest -m serial $(COVER) $(OTHERS)
	$(if $(COVER),$(BIN)/coverage report --skip-covered --fail-under=90)
	$(BIN)/coverage report --skip-covered --fail-under=100 --include='proxy/amiproxy/ami/*,proxy/amiproxy/core/*'
	@[ ! -e build/unsteady.txt ] || { echo 'UNSTEADY, failed in parallel and passed alone:'; cat build/unsteady.txt; }

# The end-to-end, fault and real-Asterisk tests once more, through sessions bound to one of two servers; all of them, or
# SAMPLE=4 files of them, chosen by SEED.  WAY is how sessions are bound: listener, user or login.
test-twin: setup
	$(BIN)/python -m tests.twinned --way $(or $(WAY),listener) $(if $(SAMPLE),--sample $(SAMPLE)) --seed $(or $(SEED),1) -q $(AT_ONCE)

# The PURE tests on another interpreter: make test-pure PYTHON=python3.13 VENV=.venv-newest
test-pure: setup
	$(BIN)/pytest -n auto $(PURE)

lint: setup
	$(BIN)/ruff format --check -q .
	$(BIN)/ruff check -q .

types: setup
	$(BIN)/mypy

imports: setup
	$(BIN)/lint-imports

# Write deploy/rights-reference.md from the policy's tables, deploy/differences.md from the tests' list, and the tables of
# sizes and times in deploy/fleet.md from the model of a fleet.
reference: setup
	$(BIN)/python -m tests.deploy.reference
	$(BIN)/python -m tests.asterisk.dialogues.differences
	$(BIN)/python -m tests.bench.fleet_model

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# make bench SCENARIOS="fanout idle" OPTIONS="--rounds 5"; tests/bench/README.md describes the scenarios.
bench: setup .bench-tools build/compiled
	@$(BIN)/python -m tests.bench.bench $(SCENARIOS) $(OPTIONS)

bench-quick: setup .bench-tools
	@$(BIN)/python -m tests.bench.bench --quick $(SCENARIOS) $(OPTIONS)

# The cost of one event in the hub, without sockets.
bench-hotpath: setup
	@$(BIN)/python -m tests.bench.hotpath $(OPTIONS)

TOOLS := $(addprefix build/bench/,source swarm broadcast)

.PHONY: .bench-tools .bench-packages
.bench-tools: .bench-packages
	@$(MAKE) --no-print-directory $(TOOLS)

build/bench/swarm: tests/bench/doors.h

build/bench/%: tests/bench/%.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O2 -Wall -Wextra -o $@ $< -lssl -lcrypto

# The build that the peer ami-proxy-compiled runs.  If it cannot be built, that peer is left out.
build/compiled: setup.py pyproject.toml $(shell find proxy -name '*.py')
	@rm -rf $@ build/wheel
	@AMI_PROXY_COMPILE=1 $(BIN)/python -m pip -qq --disable-pip-version-check wheel --no-build-isolation --no-deps -w build/wheel . && \
	$(BIN)/python -m zipfile -e build/wheel/*.whl $@ || echo "make: the core could not be compiled here" >&2

# Install missing Debian packages.  Without a compiler no benchmark runs; a peer that is missing is left out.
.bench-packages: SUDO = $(if $(filter-out 0,$(shell id -u)),sudo -n)
.bench-packages:
	@missing=$$(for have in cc:gcc stunnel4:stunnel4 haproxy:haproxy; do command -v $${have%%:*} >/dev/null 2>&1 || [ -x /usr/sbin/$${have%%:*} ] || echo $${have##*:}; done; \
	echo '#include <openssl/ssl.h>' | cc -E - >/dev/null 2>&1 || echo libssl-dev libc6-dev); \
	[ -z "$$missing" ] || { echo "installing" $$missing; $(SUDO) apt-get update && $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $$missing; } >/dev/null 2>&1 || echo "make: could not install" $$missing "from here" >&2

# Build dist/amiproxy-VERSION-TAG.whl, compiled if possible; setup.py says how to choose.
wheel: setup
	@mkdir -p build
	@$(BIN)/python -c 'import setuptools.build_meta as b, sys; print("dist/" + b.build_wheel("dist"), file=sys.stderr)' >build/wheel.log

# Build dist/ami-proxy_VERSION_ARCH.deb, for the Debian release whose python3 has the minor version of .venv's.
deb: setup
	@deploy/debian/build

# make repo KEY=FINGERPRINT builds a signed apt repository, dist/repository, out of the packages in dist/.
# It publishes nothing; deploy/repository.md has the rest.
PACKAGES ?= $(wildcard dist/*.deb)
repo:
	@KEY='$(KEY)' VALID_DAYS='$(VALID_DAYS)' deploy/debian/repository dist/repository $(PACKAGES)

# make properties EXAMPLES=20000 runs the property tests with new random examples.
EXAMPLES ?= 2000
properties: setup
	EXAMPLES=$(EXAMPLES) HYPOTHESIS_PROFILE=search $(BIN)/pytest -q -n auto --timeout 0 $$(grep -rlE '^from hypothesis import' --include='test_*.py' tests)

# make fuzz SECONDS=600 runs all targets in parallel; inputs that fail are left in results/fuzz.  SEED=1 repeats a run.
SECONDS ?= 60
fuzz: setup
	@$(BIN)/python -c 'import atheris' 2>/dev/null || $(BIN)/python -m pip install -qq --disable-pip-version-check -r requirements-fuzz.txt
	@$(BIN)/python -m tests.fuzz $(if $(SEED),--seed $(SEED)) $(SECONDS)

# make soak MINUTES=10 runs 200 sessions with 500 events a second, and everything that happens to them in a year.
MINUTES ?= 10
soak: setup
	@$(BIN)/python -m tests.soak $(MINUTES)

# make soak-history MINUTES=30 SEED=7 has dashboards follow random calls at real Asterisks by snapshots and resumes.
soak-history: setup
	@$(BIN)/python -m tests.asterisk.history --minutes $(MINUTES) --seed $(or $(SEED),1)

# make soak-page MINUTES=10 measures the page in Chromium before a large call centre: its memory, draws and figures.
soak-page: setup
	@$(BIN)/python -m tests.soak.page $(MINUTES)

# make soak-fleet MINUTES=30 SEED=7 ends and freezes every process of a fleet and its nats-servers under load, in turn.
soak-fleet: setup
	@$(BIN)/python -m tests.soak.fleet $(MINUTES) --seed $(or $(SEED),1)

# Try every danger in every header of every action, as every kind of user, at a real Asterisk; takes half an hour.
# make attack OPTIONS="--only Park", OPTIONS="--seed 7 --size 2000", OPTIONS="--asterisk 16".
attack: setup
	@$(BIN)/python -m tests.attack $(OPTIONS)

# Check that the installed packages are the pinned ones, without known vulnerabilities.  Writes a release's SBOM.
audit: setup build/audit/bin/pip-audit
	@$(BIN)/python -m tests.audit build/audit/bin dist/ami-proxy.cdx.json

build/audit/bin/pip-audit: requirements-audit.txt
	@$(PYTHON) -m venv build/audit
	@build/audit/bin/python -m pip install -qq --disable-pip-version-check -r requirements-audit.txt
	@touch $@

clean:
	rm -rf .venv .venv-* build dist *.egg-info .*_cache .coverage* .hypothesis demo-state results
