// SPDX-License-Identifier: Apache-2.0
// jit_frames MS: generated code, which has frame pointers and no call frame
// information, between frames that have only the latter. It calls itself, works
// itself, and calls back.
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

static uint8_t* make_code(void) {
  uint8_t* code = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (code == MAP_FAILED) return NULL;
  memcpy(code, relay_code, sizeof relay_code);
  memcpy(code + 1024, relay_code, sizeof relay_code);
  memcpy(code + 2048, work_code, sizeof work_code);
  return mprotect(code, 4096, PROT_READ | PROT_EXEC) == 0 ? code : NULL;
}

int main(int argc, char** argv) {
  if (argc != 2) return usage("jit_frames MS");
  uint8_t* code = make_code();
  if (code == NULL) return 1;
  say("chain main enter_code - - callback callback_work");
  Relay* relay;
  Callback* work;
  void *first = code, *last = code + 2048;
  memcpy(&relay, &first, sizeof relay);
  memcpy(&work, &last, sizeof work);
  work_for(argv[1]);
  while (time_left()) {
    enter_code(relay, code + 1024, callback);
    enter_code(relay, code + 1024, work);
  }
  return 0;
}
