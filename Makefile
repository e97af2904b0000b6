# `make help` explains the targets. The first target that needs the environment makes it.

PYTHON ?= python3
PROFILE ?= scenes
JOBS ?=
BENCH ?=
BIN = .venv/bin

.PHONY: help env reproduce test check browser cluster fresh peers coverage notebooks html docs bench lab kernel clean

help:
	@echo "make env         make the environment and nothing else, in a few minutes; the other targets do it, too"
	@echo "make reproduce   run every notebook and write results/ (PROFILE=scenes; JOBS at a time, else one per core; skips what is up to date)"
	@echo "make test        ruff, mypy, pytest, then every committed notebook again under nbval; all but browser and cluster"
	@echo "make check       the inner loop, under two minutes: ruff, mypy, pytest without the slow tests"
	@echo "make browser     test JupyterLab, the explorer and the static site in headless Chromium, which it installs if it may"
	@echo "make cluster     test a Ray cluster on this machine, of which it kills a node; it installs Ray if it may"
	@echo "make fresh       run the two commands in a fresh clone, as another user and in an odd path, with every Python (LEVEL=quick; PYTHONS)"
	@echo "make peers       compare our numbers with those of three other libraries, which it installs in a separate environment"
	@echo "make coverage    measure which lines of lib/ the tests reach, without the slow ones; written to docs/trust.md"
	@echo "make notebooks   run the committed notebooks in their default profiles and write their outputs back"
	@echo "make html        write the executed notebooks as a static site to .cache/site"
	@echo "make docs        write the reference of lib/ into that site, from the docstrings"
	@echo "make bench       compare speed with peers and bounds, write benchmarks/results/ (BENCH=train_step for one)"
	@echo "make lab         open the notebooks in JupyterLab"
	@echo "make kernel      register the environment as the Jupyter kernel 'companion', for your own Jupyter"
	@echo "make clean       remove executed notebooks and tool caches (rm -r .venv .cache removes the rest)"

env: .venv/.installed

reproduce: .venv/.installed
	@$(BIN)/python -m lib run --profile $(PROFILE) $(if $(JOBS),--jobs $(JOBS))

# The notebooks run again on a copy of the results, and what they write there must be within tolerance, too.
# They run two at a time with one thread each: the work is many small steps, which more threads do not speed up.
# Browsers and Ray's nodes do not start in time while this runs, so their tests have separate targets.
# It is quiet because nbval loses the end of a cell that prints a bar of a thousand steps.
THREADS = OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1}
FRESH = COMPANION_QUIET=1 COMPANION_RESULTS=$$PWD/.cache/fresh-results
test: lint
	$(THREADS) $(BIN)/python -m pytest -q -rs -n 2 --dist loadfile -m "not browser and not cluster"
	@rm -rf .cache/fresh-results && mkdir -p .cache && cp -R results .cache/fresh-results
	$(FRESH) $(THREADS) $(BIN)/python -m pytest -q -rs -n 2 --dist loadfile -p tests.gates.nbval_plugin \
		--nbval --nbval-current-env --nbval-sanitize-with tests/sanitise.cfg notebooks
	$(FRESH) $(BIN)/python -m pytest -q tests/gates/test_tolerance.py

check: lint
	$(BIN)/python -m pytest -q -x -m "not slow"

browser: .venv/.browser
	$(BIN)/python -m pytest -q -rs tests/browser

# A test that waits for a node which never comes ends the run, and says where it waited.
WAITS = -o faulthandler_timeout=300 -o faulthandler_exit_on_timeout=true
cluster: .venv/.cluster
	$(BIN)/python -m pytest -q -rs $(WAITS) tests/run/test_cluster.py

LEVEL ?= all
PYTHONS ?=
fresh:
	@"$(PYTHON)" -m tests.fresh.check $(LEVEL) $(PYTHONS)

peers: .venv/.installed .cache/bench-peers/.installed
	$(THREADS) $(BIN)/python -m pytest -q -rs tests/peers
	@$(THREADS) $(BIN)/python -m tests.peers.compare
	@$(BIN)/python -m tests.trust.report

coverage: .venv/.installed
	@rm -rf .cache/coverage && mkdir -p .cache/coverage
	$(THREADS) $(BIN)/python -m coverage run -m pytest -q -rs -m "not slow"
	@$(BIN)/python -m coverage combine --quiet
	@$(BIN)/python -m tests.trust.covered
	@$(BIN)/python -m tests.trust.report

.PHONY: lint
lint: .venv/.installed
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --check --quiet
	$(BIN)/mypy

notebooks: .venv/.installed
	@$(BIN)/python -m lib notebooks

html: .venv/.installed
	@$(BIN)/python -m lib site .cache/site

docs: .venv/.installed
	@$(BIN)/python -m lib reference .cache/site

bench: .venv/.installed .cache/bench-peers/.installed
	@$(BIN)/python -m benchmarks $(BENCH)

lab: .venv/.installed
	$(BIN)/jupyter lab --LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb $(if $(filter 0,$(shell id -u)),--allow-root)

kernel: .venv/.installed
	$(BIN)/python -m ipykernel install --user --name companion --display-name "Companion (vlm-sae)"

clean:
	rm -rf results/*/notebooks .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find docs lib tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp is written last. An install that was cut off has none and starts again; changed pins are installed in place.
.venv/.installed: pyproject.toml constraints.txt
	@test -e $@ || { \
		for python in "$(PYTHON)" python3.13 python3.12 python3.11 none; do \
			"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
		done; \
		test "$$python" != none || { echo "error: no Python 3.11 or newer found; make PYTHON=/path/to/python3" >&2; exit 1; }; \
		echo "making .venv with $$python (a few minutes, once)"; \
		"$$python" -m venv --clear .venv || { \
			echo "error: $$python cannot make environments; on Debian or Ubuntu: apt install python3-venv" >&2; exit 1; }; \
	}
	@rm -f $@
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e .
	@touch $@

# This is the system's Chromium, since Playwright's own is a download from elsewhere. Only root on Debian or Ubuntu may install it.
.venv/.browser: .venv/.installed
	@command -v chromium || command -v chromium-browser || command -v google-chrome || { \
		test "$$(id -u)" = 0 && command -v apt-get >/dev/null && echo "installing chromium by apt-get" && \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -yqq chromium >/dev/null; \
	} || { echo "error: no Chromium; on Debian or Ubuntu: apt install chromium" >&2; exit 1; }
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[browser]'
	@touch $@

.venv/.cluster: .venv/.installed
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[cluster]'
	@touch $@

# The peers pin other versions than the companion, so they have a separate environment. One of them needs Python below 3.13.
.cache/bench-peers/.installed: benchmarks/peers.txt | .venv/.installed
	@for python in $(BIN)/python python3.12 python3.11 none; do \
		$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null && break; \
	done; \
	test "$$python" != none || { echo "error: the peers need Python 3.11 or 3.12" >&2; exit 1; }; \
	echo "making .cache/bench-peers with $$python (a few minutes, once)"; \
	$$python -m venv --clear .cache/bench-peers
	@.cache/bench-peers/bin/python -m pip install -qq --disable-pip-version-check -r $<
	@touch $@
