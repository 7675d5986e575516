// SPDX-License-Identifier: Apache-2.0
// plt_lazy MS, plt_now MS: calls a library's empty functions, so that much of
// the time is in the stubs that lead there. plt_lazy forgets each time what the
// dynamic linker has found: it is in the late half of the stub, in the first
// stub and in the dynamic linker too.
#include <elf.h>
#include <link.h>

#include "known.h"
#include "tiny.h"

enum { kMostSlots = 64 };
static ElfW(Addr) * slots[kMostSlots], first_values[kMostSlots];
static int slot_count;

KNOWN static void forget(void) {
  for (int i = 0; i < slot_count; ++i) *slots[i] = first_values[i];
}

KNOWN static void call_stubs(void) {
  for (int i = 0; i < 100; ++i) {
    tiny_one();
    tiny_two();
    tiny_one();
    tiny_two();
  }
}

KNOWN static void call_and_forget(void) {
  forget();
  tiny_one();
  tiny_two();
}

static ElfW(Addr) dynamic_value(ElfW(Sxword) tag) {
  const ElfW(Dyn)* entry = _DYNAMIC;
  while (entry->d_tag != DT_NULL && entry->d_tag != tag) ++entry;
  return entry->d_tag == tag ? entry->d_un.d_ptr : 0;
}

// What the slots of the stubs hold before the first call.
static void remember(void) {
  const ElfW(Rela)* relocations = (const void*)dynamic_value(DT_JMPREL);
  ElfW(Addr) bytes = dynamic_value(DT_PLTRELSZ), base = _r_debug.r_map->l_addr;
  for (unsigned i = 0; i < bytes / sizeof *relocations; ++i) {
    if (slot_count == kMostSlots) return;
    slots[slot_count] = (ElfW(Addr)*)(base + relocations[i].r_offset);
    first_values[slot_count] = *slots[slot_count];
    ++slot_count;
  }
}

int main(int argc, char** argv) {
  if (argc != 2) return usage("plt_lazy MS");
  if (LAZY) remember();
  say("chain main call_stubs");
  if (LAZY) say("chain main call_and_forget");
  work_for(argv[1]);
  while (time_left()) {
    call_stubs();
    for (int i = 0; LAZY && i < 20; ++i) call_and_forget();
  }
  return 0;
}
