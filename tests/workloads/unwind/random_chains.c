// SPDX-License-Identifier: Apache-2.0
// random_chains THREADS MS [FOLDER]: threads that go through chains of calls
// drawn at random, of functions whose frames differ, until the process has had
// MS of CPU time. Each function may call three others, as the edges say: of the
// frames that a wrong walk finds, nine of ten are no edge.
//
// With FOLDER, every fourth thread also loads and unloads FOLDER/swap_a.N.so
// and swap_b.N.so in turn (N counts these threads) and calls through them:
// where one lay, the other lies a moment later, with other frames.
#include "random_chains.h"

#include <alloca.h>
#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

#include "known.h"

enum { kFunctions = 32, kCallees = 3, kMostDepth = 24 };

static void (*const functions[kFunctions])(struct Walk*);
static int callees[kFunctions][kCallees];
static const char* folder;

static inline uint32_t draw(struct Walk* walk) {
  walk->random = walk->random * 6364136223846793005ULL + 1442695040888963407ULL;
  return walk->random >> 33;
}

KNOWN static void chain_work(struct Walk* walk) {
  work_a_little();
  walk->ends += 1;
}

static inline __attribute__((always_inline)) void go_on(struct Walk* walk,
                                                        int self) {
  if (walk->left-- > 0)
    functions[callees[self][draw(walk) % kCallees]](walk);
  else
    chain_work(walk);
}

// Frames of a fixed size, of one known at run time, aligned, and with all
// registers in use.
#define FIXED(n, words)                        \
  KNOWN static void f##n(struct Walk* walk) {  \
    volatile uint64_t room[words];             \
    room[walk->left % (words)] = walk->ends;   \
    go_on(walk, n);                            \
    walk->sum += room[(walk->ends) % (words)]; \
  }
#define RUN_TIME(n, words)                                      \
  KNOWN static void f##n(struct Walk* walk) {                   \
    volatile char* room = alloca((words) * 8 + walk->left * 8); \
    room[walk->left] = 1;                                       \
    go_on(walk, n);                                             \
    walk->sum += room[0];                                       \
  }
#define ALIGNED(n, words)                                        \
  KNOWN static void f##n(struct Walk* walk) {                    \
    volatile uint64_t room[words] __attribute__((aligned(128))); \
    room[walk->left % (words)] = walk->ends;                     \
    go_on(walk, n);                                              \
    walk->sum += room[0];                                        \
  }
#define BUSY(n, words)                                                     \
  KNOWN static void f##n(struct Walk* walk) {                              \
    volatile uint64_t room[words];                                         \
    uint64_t a = walk->random, b = a * 3, c = b * 5, d = c * 7, e = d * 9, \
             f = e * 11;                                                   \
    room[0] = a;                                                           \
    go_on(walk, n);                                                        \
    walk->sum += (a ^ (b + (c ^ (d + (e ^ f))))) + room[0];                \
  }

// clang-format off
FIXED(0, 1) BUSY(1, 3) RUN_TIME(2, 5) FIXED(3, 11)
ALIGNED(4, 2) BUSY(5, 40) FIXED(6, 7) RUN_TIME(7, 1)
BUSY(8, 1) FIXED(9, 200) ALIGNED(10, 9) FIXED(11, 2)
BUSY(12, 5) RUN_TIME(13, 12) FIXED(14, 33) BUSY(15, 9)
FIXED(16, 3) ALIGNED(17, 33) BUSY(18, 64) RUN_TIME(19, 3)
FIXED(20, 5) BUSY(21, 2) FIXED(22, 130) RUN_TIME(23, 64)
ALIGNED(24, 1) BUSY(25, 13) FIXED(26, 9) RUN_TIME(27, 7)
BUSY(28, 21) FIXED(29, 17) ALIGNED(30, 5) BUSY(31, 7)

static void (*const functions[kFunctions])(struct Walk*) = {
    f0,  f1,  f2,  f3,  f4,  f5,  f6,  f7,  f8,  f9,  f10,
    f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
    f22, f23, f24, f25, f26, f27, f28, f29, f30, f31};
// clang-format on

static void draw_callees(void) {
  struct Walk walk = {.random = 4};
  for (int n = 0; n < kFunctions; ++n)
    for (int i = 0; i < kCallees; ++i) callees[n][i] = draw(&walk) % kFunctions;
}

static void say_edges(void) {
  puts("edge start_thread thread_run\nedge thread_run thread_chain");
  puts("edge thread_chain f0");
  for (int n = 0; n < kFunctions; ++n) {
    for (int i = 0; i < kCallees; ++i)
      printf("edge f%d f%d\n", n, callees[n][i]);
    printf("edge f%d chain_work\n", n);
  }
  puts("edge thread_run thread_swap\nedge swap_b_in swapped_work");
  puts("edge thread_swap swap_a_out\nedge thread_swap swap_b_out");
  puts("edge swap_a_out swap_a_mid\nedge swap_a_mid swap_a_in");
  puts("edge swap_b_out swap_b_mid\nedge swap_b_mid swap_b_in");
  say("edge swap_a_in swapped_work");
}

KNOWN static void swapped_work(struct Walk* walk) {
  work_a_little();
  walk->ends += 1;
}

static void fail(const char* what) {
  fprintf(stderr, "random_chains: %s\n", what);
  exit(1);
}

KNOWN static void thread_swap(struct Walk* walk, int own, int turn) {
  char path[4096];
  const char letter = turn % 2 == 0 ? 'a' : 'b';
  snprintf(path, sizeof path, "%s/swap_%c.%d.so", folder, letter, own);
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) fail(dlerror());
  snprintf(path, sizeof path, "swap_%c_out", letter);
  void (*enter)(struct Walk*, void (*)(struct Walk*));
  void* function = dlsym(library, path);
  if (function == NULL) fail(dlerror());
  memcpy(&enter, &function, sizeof enter);
  for (int i = 0; i < 300; ++i) enter(walk, swapped_work);
  dlclose(library);
}

KNOWN static void thread_chain(struct Walk* walk) {
  walk->left = draw(walk) % kMostDepth;
  f0(walk);
}

KNOWN static void* thread_run(void* argument) {
  int own = (int)(intptr_t)argument;
  struct Walk walk = {.random = own * 2862933555777941757ULL + 3037000493ULL};
  for (int turn = own; time_left(); ++turn) {
    for (int i = 0; i < 300; ++i) thread_chain(&walk);
    if (folder != NULL && own % 4 == 0) thread_swap(&walk, own / 4, turn);
  }
  return NULL;
}

int main(int argc, char** argv) {
  if (argc < 3) return usage("random_chains THREADS MS [FOLDER]");
  int count = atoi(argv[1]);
  folder = argv[3];
  draw_callees();
  say_edges();
  work_for(argv[2]);
  pthread_t* threads = calloc(count, sizeof *threads);
  for (intptr_t i = 0; i < count; ++i) {
    if (pthread_create(&threads[i], NULL, thread_run, (void*)i) != 0)
      fail("no thread");
  }
  for (int i = 0; i < count; ++i) pthread_join(threads[i], NULL);
  free(threads);
  return 0;
}
