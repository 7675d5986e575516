# SPDX-License-Identifier: Apache-2.0
# The front door. All building is done by CMake and Ninja in build/; each target
# here is one command that a person or a script wants.
PREFIX ?= /usr/local

TOOLS := $(patsubst tools/%/,%,$(wildcard tools/*/))
NEEDS := scripts/install-deps.sh

.PHONY: all demo check check-all bench kernels static fuzz dev gallery install \
        install-dev help
.SILENT:

all: build/build.ninja ## build every tool: build/bin/<tool>
	cd build && ninja $(TOOLS)

demo: ## install what is missing, build, show a real profile
	$(NEEDS) build demo
	$(MAKE) --no-print-directory all
	scripts/demo.sh

check: ## install what is missing, build, and pass all tests
	$(NEEDS) build test demo kernels
	scripts/check.sh

check-all: ## check, and what takes long: sanitizers, 100,000 processes
	$(NEEDS)
	scripts/check.sh all

bench: ## speed and memory beside peers; ARGS=--assert to judge
	$(NEEDS) build bench
	$(MAKE) --no-print-directory all
	scripts/bench.sh $(ARGS)

kernels: ## every tool on Debian's kernels and on this one
	$(NEEDS) build test kernels
	scripts/check.sh kernels

static: ## build/static/bin/<tool>, run in a root of Debian 13
	$(NEEDS) build
	scripts/check.sh static

fuzz: ## libFuzzer on every reader; FUZZ_SECONDS=3600 for an hour each
	$(NEEDS) build test
	scripts/check.sh fuzz

dev: ## build/dev with ASan and UBSan, and its unit and cli tests
	$(NEEDS) build test
	scripts/check.sh dev

gallery: ## docs/gallery.md and its pictures, of real programs
	$(NEEDS) build test demo heavy
	$(MAKE) --no-print-directory all
	scripts/gallery.sh

install: all ## into $(DESTDIR)$(PREFIX)
	DESTDIR=$(DESTDIR) cmake --install build --strip --prefix $(PREFIX)

install-dev: all ## the library, for programs that link it (docs/library.md)
	DESTDIR=$(DESTDIR) cmake --install build --component dev --prefix $(PREFIX)

help: ## these lines
	sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/make \1|\2/p' Makefile | \
	  awk -F'|' '{ printf "%-18s%s\n", $$1, $$2 }'

build/build.ninja:
	cmake --log-level=NOTICE --preset release || \
	  { echo "On Debian 12, scripts/install-deps.sh build installs what is" \
	    "missing." >&2; exit 1; }
