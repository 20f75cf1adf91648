# Each target is one call of `python -m book` or pytest. Needs Python >= 3.11 and make; the rest is installed into .venv.
PYTHON ?= python3
PORT   ?= 8000
PAGE   ?=
TORCH  ?= newest
ARGS   ?=
PARTS  ?= all
ifeq ($(filter all core,$(PARTS)),)
$(error PARTS=$(PARTS): write all, or core for what requirements.txt installs)
endif
BIN    := .venv/bin
PY     := $(BIN)/python
ENV    := .venv/.$(PARTS)
export BOOK_PARTS := $(PARTS)
unexport PYTHONSAFEPATH PYTHONOPTIMIZE  # of a user: the one hides book/ from python, the other drops asserts

.PHONY: serve build offline test programs record ladder gpu sim bench originals lint clean

serve: .venv/.site            ## build both languages, serve them with live reload
	@$(PY) -m book serve --port $(PORT)

build: .venv/.site            ## the whole site, both languages, into site/
	@$(PY) -m book build

offline: .venv/.site          ## the site as a zip that works from disk, build/offline/runnable-pytorch.zip
	@$(PY) -m book offline

test: $(ENV)              ## everything: engine, blocks, site, standalone programs, faults, browser; ARGS go to pytest; PARTS=core leaves tools.txt out
	@$(PY) -m pytest -n logical --dist loadfile --no-loadscope-reorder $(ARGS)

programs: $(ENV)          ## run the program of every block as a script of its own (make test runs a sample)
	@BOOK_PROGRAM_SAMPLE=$${BOOK_PROGRAM_SAMPLE:-1} $(PY) -m pytest tests/test_standalone.py

record: $(ENV)            ## make record PAGE=concepts/autograd: run a page and rewrite its record
	@$(PY) -m book record $(PAGE)

ladder: .venv/.site           ## make ladder TORCH=2.15.0: all pages on another torch, in .ladder/ (GBs; in no other target)
	@$(PY) -m book ladder $(TORCH) $(PAGE) --python $(PYTHON)

gpu: $(ENV)               ## run every block on the accelerator, as shown and moved, and compare with the records
	@$(PY) -m book gpu $(PAGE)

sim: $(ENV)               ## run every block as shown beside a simulated accelerator and compare with the records
	@$(PY) -m book gpu --device sim $(PAGE)

bench: $(ENV)             ## measure the engine and the site; appends to bench/bench.json
	@$(PY) -m book bench

originals: $(ENV)         ## train on the originals of the data, on a machine with network; writes docs/originals.json
	@$(PY) -m bench.originals

lint: $(ENV)
	@$(BIN)/ruff check . && $(BIN)/mypy && $(BIN)/lint-imports --no-cache

clean:
	rm -rf .venv .ladder build site

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	@$(PYTHON) -m venv .venv

.venv/.site: docs/requirements.txt | .venv/bin/python
	@$(PY) -m pip install --quiet --disable-pip-version-check -r docs/requirements.txt
	@touch $@

.venv/.all: requirements.txt docs/requirements.txt tools.txt | .venv/bin/python
	@$(PY) -m pip install --quiet --disable-pip-version-check -r tools.txt
	@touch $@ .venv/.core .venv/.site

.venv/.core: requirements.txt docs/requirements.txt | .venv/bin/python
	@$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@ .venv/.site
