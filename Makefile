PYTHON ?= python3
DEV := .venv/dev
LEAN := .venv/lean
TFLITE := .venv/tflite
# tflite-runtime has wheels up to Python 3.11; with a later one, the tests that need it are skipped and say so.
WITH_TFLITE := $(shell $(PYTHON) -c 'import sys; print("$(TFLITE)/.ready" if sys.version_info < (3, 12) else "")')
SHIPPED := setup.cfg pyproject.toml $(shell find sdk -name '*.py' -o -name '*.dpm' -o -name '*.npz')

.PHONY: demo test lint typecheck dev clean

## Paint people on the sample photos (or on PHOTO=mine.jpg) with the shipped int8 model; no torch involved.
demo: $(LEAN)/.ready
	$(LEAN)/bin/densepose-mobile demo --out out/demo $(if $(PHOTO),"$(PHOTO)",--rendered docs/samples/group.jpg)

## Everything that the tests need, then the tests.
test: $(DEV)/.ready $(WITH_TFLITE)
	$(DEV)/bin/python -m pytest

lint: $(DEV)/.ready
	$(DEV)/bin/ruff check .
	$(DEV)/bin/ruff format --check .

## mypy sees the package as users get it: the built wheel.
typecheck: $(DEV)/.ready
	rm -rf build
	$(DEV)/bin/pip install -q --no-deps --no-build-isolation --target build/typecheck .
	cd build/typecheck && ../../$(DEV)/bin/mypy --config-file ../../pyproject.toml -p densepose_mobile

dev: $(DEV)/.ready

$(DEV)/.ready: setup.cfg
	$(PYTHON) -m venv $(DEV)
	$(DEV)/bin/pip install -q -U pip "setuptools>=77" wheel
	$(DEV)/bin/pip install -q --no-build-isolation -e ".[train,test]"
	touch $@

## NumPy 1 and OpenCV 4 for tflite-runtime, without torch: some of the tests run themselves there.
$(TFLITE)/.ready: setup.cfg
	$(PYTHON) -m venv $(TFLITE)
	$(TFLITE)/bin/pip install -q -U pip "setuptools>=77" wheel
	$(TFLITE)/bin/pip install -q --no-build-isolation -e ".[tflite]" pytest hypothesis
	touch $@

## The package as its users get it; installed again when something that it ships has changed. A build folder left from
## an earlier state would slip files into the wheel that are gone from the tree.
$(LEAN)/.ready: $(SHIPPED)
	rm -rf build
	$(PYTHON) -m venv $(LEAN)
	$(LEAN)/bin/pip install -q --disable-pip-version-check ".[demo]"
	touch $@

clean:
	rm -rf build out .venv
