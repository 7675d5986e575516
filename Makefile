# SPDX-License-Identifier: Apache-2.0
# The front door. All building is done by CMake and Ninja in build/; each target
# here is one command that a person or a script wants.
PREFIX ?= /usr/local
BINDIR = $(DESTDIR)$(PREFIX)/bin
SHARE = $(DESTDIR)$(PREFIX)/share
MANDIR = $(SHARE)/man
BASHDIR = $(SHARE)/bash-completion/completions
ZSHDIR = $(SHARE)/zsh/site-functions
FISHDIR = $(SHARE)/fish/vendor_completions.d

TOOLS := $(patsubst tools/%/,%,$(wildcard tools/*/))
NEEDS := scripts/install-deps.sh

.PHONY: all demo check check-all bench kernels static dev install help
.SILENT:

all: build/build.ninja ## build every tool: build/bin/<tool>
	cd build && ninja $(TOOLS)

demo: ## install what is missing, build, show a real profile
	$(NEEDS) build demo
	$(MAKE) --no-print-directory all
	scripts/demo.sh

check: ## install what is missing, build, and pass all tests
	$(NEEDS)
	scripts/check.sh

check-all: ## check, and what is heavy: the sanitizers too
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

dev: ## build/dev with ASan and UBSan, and its unit and cli tests
	$(NEEDS) build test
	scripts/check.sh dev

install: all ## into $(DESTDIR)$(PREFIX)
	install -d $(BINDIR) $(MANDIR)/man7 $(MANDIR)/man8 $(BASHDIR) $(ZSHDIR) $(FISHDIR)
	install $(TOOLS:%=build/bin/%) $(BINDIR)
	install -m 644 man/*.7 $(MANDIR)/man7
	install -m 644 man/*.8 $(MANDIR)/man8
	install -m 644 completions/bash/* $(BASHDIR)
	install -m 644 completions/zsh/* $(ZSHDIR)
	install -m 644 completions/fish/* $(FISHDIR)

help: ## these lines
	sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/make \1|\2/p' Makefile | \
	  awk -F'|' '{ printf "%-16s%s\n", $$1, $$2 }'

build/build.ninja:
	cmake --log-level=NOTICE --preset release || \
	  { echo "On Debian 12, scripts/install-deps.sh build installs what is" \
	    "missing." >&2; exit 1; }
