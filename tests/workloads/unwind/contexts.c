// SPDX-License-Identifier: Apache-2.0
// contexts MS: works on stacks of makecontext, and goes from one to the other.
#include <ucontext.h>

#include "known.h"

enum { kContexts = 4, kStackBytes = 1 << 16 };
static ucontext_t main_context, contexts[kContexts];

KNOWN static void context_work(void) { work_a_little(); }

KNOWN static void context_main(int own) {
  for (;;) {
    context_work();
    int next = own + 1;
    swapcontext(&contexts[own],
                next < kContexts ? &contexts[next] : &main_context);
  }
}

int main(int argc, char** argv) {
  if (argc != 2) return usage("contexts MS");
  // The frame below, __start_context, is entered by a return to its first
  // byte: readers look for its name one byte before.
  say("root context_main\nchain context_main context_work");
  for (int i = 0; i < kContexts; ++i) {
    getcontext(&contexts[i]);
    contexts[i].uc_stack.ss_sp = malloc(kStackBytes);
    contexts[i].uc_stack.ss_size = kStackBytes;
    makecontext(&contexts[i], (void (*)(void))context_main, 1, i);
  }
  work_for(argv[1]);
  while (time_left()) swapcontext(&main_context, &contexts[0]);
  return 0;
}
