// SPDX-License-Identifier: Apache-2.0
// jit_frames MS [new]: generated code, which has frame pointers and no call
// frame information, between frames that have only the latter. It calls itself,
// works itself, and calls back. "new": the outer one is made anew all the time,
// each in the page behind the last, as compilers do it that reserve a range for
// code.
#include <string.h>
#include <sys/mman.h>

#include "known.h"

typedef void Callback(void);
typedef void Relay(Callback* callback, void* next);

// relay(callback, next): next(callback, callback), or callback itself.
static const uint8_t relay_code[] = {
    0x55,                    // push %rbp
    0x48, 0x89, 0xe5,        // mov  %rsp, %rbp
    0x48, 0x89, 0xf0,        // mov  %rsi, %rax
    0x48, 0x89, 0xfe,        // mov  %rdi, %rsi
    0x48, 0x83, 0xec, 0x20,  // sub  $32, %rsp
    0xff, 0xd0,              // call *%rax
    0xc9,                    // leave
    0xc3,                    // ret
};
static const uint8_t work_code[] = {
    0x55,                          // push %rbp
    0x48, 0x89, 0xe5,              // mov  %rsp, %rbp
    0xb9, 0x00, 0x40, 0x00, 0x00,  // mov  $0x4000, %ecx
    0xff, 0xc9,                    // dec  %ecx
    0x75, 0xfc,                    // jne  the line above
    0x5d,                          // pop  %rbp
    0xc3,                          // ret
};

KNOWN static void callback_work(void) { work_a_little(); }

// Needs every register, the frame pointer's too.
KNOWN static void callback(void) {
  uint64_t s = work_sink, a = s + 1, b = s + 2, c = s + 3, d = s + 4, e = s + 5;
  for (int i = 0; i < 3; ++i) {
    callback_work();
    a = a * 3 + b, b = b * 5 + c, c = c * 7 + d, d = d * 9 + e, e = e * 11 + a;
  }
  work_sink = a + b + c + d + e;
}

KNOWN static void enter_code(Relay* relay, void* next, Callback* last) {
  relay(last, next);
  work_sink += 1;
}

enum { page = 4096, pages = 16384 };

static uint8_t* reserve(void) {
  uint8_t* range = mmap(NULL, (size_t)page * pages, PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return range == MAP_FAILED ? NULL : range;
}

static uint8_t* make_code(uint8_t* code) {
  if (mprotect(code, page, PROT_READ | PROT_WRITE) != 0) return NULL;
  memcpy(code, relay_code, sizeof relay_code);
  memcpy(code + 1024, relay_code, sizeof relay_code);
  memcpy(code + 2048, work_code, sizeof work_code);
  return mprotect(code, page, PROT_READ | PROT_EXEC) == 0 ? code : NULL;
}

KNOWN static void call(uint8_t* code, uint8_t* known) {
  Relay* relay;
  Callback* work;
  void *first = code, *last = code + 2048;
  memcpy(&relay, &first, sizeof relay);
  memcpy(&work, &last, sizeof work);
  for (int i = 0; i < 8; ++i) {
    enter_code(relay, known + 1024, callback);
    enter_code(relay, known + 1024, work);
  }
}

int main(int argc, char** argv) {
  if (argc != 2 && argc != 3) return usage("jit_frames MS [new]");
  uint8_t* range = reserve();
  uint8_t* code = range == NULL ? NULL : make_code(range);
  if (code == NULL) return 1;
  say("chain main call enter_code - - callback callback_work");
  work_for(argv[1]);
  for (int made = 1; time_left(); ++made) {
    call(code, range);
    if (argc == 3)
      code = make_code(range + (size_t)page * (1 + made % (pages - 1)));
    if (code == NULL) return 1;
  }
  return 0;
}
