// SPDX-License-Identifier: Apache-2.0
// page_faults: touches 6,007 + 3,001 + 1,009 fresh pages in three functions, a
// page fault each.
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { kPage = 4096 };

static char* fresh_pages(size_t count) {
  char* pages = mmap(NULL, count * kPage, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) exit(1);
  // A huge page would be one fault for 512 pages.
  madvise(pages, count * kPage, MADV_NOHUGEPAGE);
  return pages;
}

#define TOUCH_FUNCTION(name, value)                                         \
  __attribute__((noinline, noclone)) static void name(volatile char* pages, \
                                                      size_t count) {       \
    for (size_t i = 0; i < count; ++i) pages[i * kPage] = (value);          \
  }

TOUCH_FUNCTION(touch_sixty, 1)
TOUCH_FUNCTION(touch_thirty, 2)
TOUCH_FUNCTION(touch_ten, 3)

int main(void) {
  touch_sixty(fresh_pages(6007), 6007);
  touch_thirty(fresh_pages(3001), 3001);
  touch_ten(fresh_pages(1009), 1009);
  return 0;
}
