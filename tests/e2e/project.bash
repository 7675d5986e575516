# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# A project as people build them.

# new_project DIRECTORY: a program of 30 files and a library. Its build calls itself,
# asks for tools that are not there, and has a step that fails and one whose failure
# does not matter.
new_project() {
  local number
  mkdir -p "$1/lib"
  for number in {1..30}; do
    project_part "$number" >"$1/lib/part$number.c"
  done
  printf 'int part%d(int n);\n' {1..30} >"$1/lib/all.h"
  {
    printf '#include "lib/all.h"\nint main(void) { return VERSION[0] + '
    printf 'part%d(1) + ' {1..30}
    printf '0; }\n'
  } >"$1/main.c"
  echo 'int broken(void) { return' >"$1/broken.c"
  printf '#!/bin/sh -e\necho "#define VERSION \\"$1\\""\n' >"$1/version.sh"
  chmod +x "$1/version.sh"
  project_makefile >"$1/Makefile"
  project_library_makefile >"$1/lib/Makefile"
}

project_part() {
  cat <<C
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "all.h"
static int compare(const void *a, const void *b) {
  return *(const int *)a - *(const int *)b;
}
int part$1(int n) {
  int all[64];
  for (int i = 0; i < 64; ++i) all[i] = i * n % ($1 + 7);
  qsort(all, 64, sizeof *all, compare);
  printf("%s %d\n", WHO, all[63]);
  return all[63];
}
C
}

project_makefile() {
  cat <<'MAKE'
CC = env LANG=C gcc
HAVE := $(shell env no-such-tool --version 2>/dev/null; \
  xargs -a /dev/null no-such-compiler 2>/dev/null; nice gcc -dumpversion)
all: program stripped
program: main.o libparts.a
	$(CC) -o $@ $^
main.o: main.c version.h
	$(CC) -include version.h -c -o $@ $<
version.h:
	./version.sh '1.0 $$HOME ;' >$@
libparts.a: FORCE
	+$(MAKE) -C lib
stripped: program
	cp program $@ && strip $@ && { ./$@ >/dev/null || test $$? -gt 0; }
	-$(CC) -c -o broken.o broken.c 2>/dev/null
	-sh -c 'kill -KILL $$$$'
FORCE:
MAKE
}

project_library_makefile() {
  cat <<'MAKE'
CC = env LANG=C gcc
objects := $(patsubst %.c,%.o,$(wildcard *.c))
../libparts.a: $(objects)
	ar rcs $@ $^
%.o: %.c all.h
	$(CC) -O2 -g -Wall '-DWHO="a  b"' -c -o $@ $<
MAKE
}
