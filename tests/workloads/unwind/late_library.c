// SPDX-License-Identifier: Apache-2.0
// late_library BEFORE_MS MS: works for BEFORE_MS, loads late_frames.so from its
// own folder, and works below its functions for MS more.
#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

#include "known.h"

KNOWN static void early_work(void) { work_a_little(); }
KNOWN static void called_back(void) { work_a_little(); }

static void (*late_enter)(void (*)(void));

KNOWN static void run_late(void) { late_enter(called_back); }

static void load(void) {
  char path[4096] = "";
  if (readlink("/proc/self/exe", path, sizeof path - 32) < 0) exit(1);
  strcpy(strrchr(path, '/') + 1, "late_frames.so");
  void* library = dlopen(path, RTLD_NOW);
  void* function = library != NULL ? dlsym(library, "late_enter") : NULL;
  if (function == NULL) {
    fprintf(stderr, "late_library: %s\n", dlerror());
    exit(1);
  }
  memcpy(&late_enter, &function, sizeof function);
}

int main(int argc, char** argv) {
  if (argc != 3) return usage("late_library BEFORE_MS MS");
  say("chain main early_work");
  say("chain main run_late late_enter late_middle called_back");
  work_for(argv[1]);
  while (time_left()) early_work();
  load();
  work_for(argv[2]);
  while (time_left()) run_late();
  return 0;
}
