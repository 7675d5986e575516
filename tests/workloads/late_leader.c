// SPDX-License-Identifier: Apache-2.0
// late_leader MS LIBRARY FUNCTION: the first thread ends at once; another one
// then loads the library and calls its function for MS milliseconds of CPU
// time.
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "work.h"

static char** arguments;

// Until /proc says that the first thread is a zombie.
static void await_leaders_end(void) {
  for (;;) {
    char state = 0;
    FILE* stat = fopen("/proc/self/stat", "r");
    if (stat == NULL || fscanf(stat, "%*d %*[^)]) %c", &state) != 1) exit(1);
    fclose(stat);
    if (state == 'Z') return;
    sched_yield();
  }
}

static void* go_on(void* unused) {
  await_leaders_end();
  void* library = dlopen(arguments[2], RTLD_NOW);
  void (*work)(void) = library ? dlsym(library, arguments[3]) : NULL;
  if (work == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    exit(1);
  }
  int64_t ns = atoll(arguments[1]) * 1000000;
  do work();
  while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < ns);
  exit(0);
  return unused;
}

int main(int argc, char** argv) {
  pthread_t thread;
  if (argc != 4) {
    fputs("usage: late_leader MS LIBRARY FUNCTION\n", stderr);
    return 2;
  }
  arguments = argv;
  if (pthread_create(&thread, NULL, go_on, NULL) != 0) return 1;
  // Not pthread_exit, which would keep the thread's stack for joining.
  syscall(SYS_exit, 0);
}
