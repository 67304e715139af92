# `make quickstart` and `make test` are all a new user needs; `make help` lists the rest.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.NOTPARALLEL:
.DEFAULT_GOAL := help

# PYTHON: the interpreter that makes the environment; empty: the first of PYTHONS that fits.
PYTHON ?=
PYTHONS := $(or $(PYTHON),python3.11 python3.12 python3.13 python3)
VENV ?= .venv
BIN := $(VENV)/bin
QUICKSTART_DIR ?= quickstart
QUICKSTART_FLAGS ?=
PYTEST_FLAGS ?=
# A worker has a whole file, so that its fixtures are made once. Files go in the order of their names: that of their
# number of tests, which is the default, keeps those of one long test for the end, where a worker then runs alone.
TWO_WORKERS := -n 2 --dist loadfile --no-loadscope-reorder
# A comma inside the argument of a function.
, := ,
SOURCES := setup.py tfrs_model serving pipelines tests benchmarks

export TF_CPP_MIN_LOG_LEVEL ?= 2
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help environment quickstart test drills lint format clean

help: ## list the targets
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 20

quickstart: $(VENV)/.installed ## from MovieLens-100K to a served recommendation, written into quickstart/
	@$(BIN)/python -m pipelines.quickstart --output_dir=$(QUICKSTART_DIR) $(QUICKSTART_FLAGS)

environment: $(VENV)/.installed ## only make .venv with the pinned dependencies

test: $(VENV)/.installed-test ## first tier: unit and contract tests and one tiny run from end to end
	$(BIN)/python -m pytest -m "not drill" $(TWO_WORKERS) --session-timeout=1200 $(PYTEST_FLAGS)

drills: $(VENV)/.installed-drills ## second tier: packaging, kills, load, browser, Spark (needs Java 17, Chromium)
	$(BIN)/python -m pytest -m "drill and not alone" $(TWO_WORKERS) --timeout=900 --session-timeout=2700 $(PYTEST_FLAGS)
	$(BIN)/python -m pytest -m "drill and alone" --timeout=900 --session-timeout=600 $(PYTEST_FLAGS)

lint: $(VENV)/.installed-test ## formatting and static checks
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)

format: $(VENV)/.installed-test ## format the code and mend what ruff can mend
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

clean: ## remove the environment, the quick start's output, builds and caches
	rm -rf $(VENV) $(QUICKSTART_DIR) build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps are written last, so that an interrupted install leaves none.
$(VENV)/.installed: setup.py constraints.txt
	@$(MAKE_VENV)
	@$(call INSTALL,-e .,about a minute)
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	@$(call INSTALL,-e '.[test]',half a minute)
	@touch $@

$(VENV)/.installed-drills: $(VENV)/.installed-test
	@$(call INSTALL,-e '.[test$(,)spark]',half a minute)
	@touch $@

# An install that was cut short can leave a half-unpacked package that pip takes for a whole one,
# so an environment that still carries the .installing mark is made afresh.
define MAKE_VENV
if [ -e $(VENV)/.installing ] || ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
  tried=(); \
  for candidate in $(PYTHONS); do \
    if found=$$($$candidate -c "$$FITS" 2>&1); then break; fi; \
    tried+=("$$candidate: $${found%%$$'\n'*}"); candidate=; \
  done; \
  if [ -z "$$candidate" ]; then \
    printf '%s\n' "ERROR: Python 3.11, 3.12 or 3.13 with its venv module is needed, but was not found. Install one" \
      "(Debian, Ubuntu: apt-get install python3 python3-venv) or name one: make PYTHON=/path/to/python3.12" >&2; \
    printf '  %s\n' "$${tried[@]}" >&2; \
    exit 1; \
  fi; \
  echo "Making $(VENV) with $$candidate ($$found)"; \
  $$candidate -m venv --clear $(VENV); \
fi
endef

define FITS
import sys
version = sys.version.split()[0]
if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    sys.exit(f"is Python {version}")
try:
    import ensurepip, venv
except ImportError:
    sys.exit(f"is Python {version} without the venv module")
print(version)
endef
export FITS

define INSTALL
rm -f $@; touch $(VENV)/.installing; \
echo "Installing $(1) into $(VENV) ($(2); log: $(VENV)/install.log)"; \
$(BIN)/python -m pip install --no-compile --no-input -c constraints.txt $(1) 2>&1 | tee $(VENV)/install.log \
  | { $(SHOW_PROGRESS); } || { tail -n 15 $(VENV)/install.log >&2; exit 1; }; \
rm $(VENV)/.installing; \
echo "Installed in $$SECONDS s"
endef

# Reads pip's log from standard input: one moving line on a terminal, a line every ten seconds elsewhere.
define SHOW_PROGRESS
stage=starting; resolved=0; unpacking=no; shown=-10; period=10; ending='\n'; \
if [ -t 1 ]; then period=1; ending='\r'; fi; \
while code=0; IFS= read -t 1 -r line || code=$$?; [ $$code != 1 ]; do \
  if [ $$code = 0 ]; then case "$$line" in \
    Collecting*) resolved=$$((resolved + 1)); stage="downloading, $$resolved packages so far" ;; \
    "Installing collected"*) unpacking=yes ;; \
  esac; fi; \
  if (( SECONDS - shown >= period )); then \
    shown=$$SECONDS; \
    if [ $$unpacking = yes ]; then stage="unpacking, $$(ls -d $(VENV)/lib/python*/site-packages/*.dist-info | wc -l) packages so far"; fi; \
    printf "  %3d s  %-50s$$ending" $$SECONDS "$$stage"; \
  fi; \
done; \
if [ -t 1 ]; then printf '\n'; fi
endef
