// SPDX-License-Identifier: Apache-2.0
// execs CASE [ARGUMENT...]: starts programs in every way there is, and prints
// what a tool that watches must have seen.
//   storm COUNT WORKERS   WORKERS processes start COUNT programs each, one
//   after
//                         the other, `done W N`; prints the nanoseconds
//   flight COUNT          COUNT programs live at the same time; prints how many
//   args COUNT BYTES      one program with COUNT arguments of BYTES bytes each
//   hostile HEX...        one program with these arguments, in hexadecimal
//   thread                a thread that is not the first one executes `done`
//   memfd                 a file without a name is executed, by fexecve()
//   deleted FILE          FILE is executed by its descriptor, once it is gone
//   at DIRECTORY NAME     execveat() below a directory
//   fail FILE COUNT       COUNT attempts to execute FILE, which fail
//   bare FILE             one attempt without any arguments, not even an array
//   search NAME           one search along PATH, which fails
//   flood COUNT BYTES US  COUNT programs with an argument of BYTES bytes, and
//                         US microseconds between their starts
//   compat FILE           one attempt through the system call of 32 bits
//   exit CODE | kill N    one program that ends like this; prints its PID
//   busy MS MIB           one program with so much CPU time and memory; its PID
//   crew MS THREADS       one whose first thread ends at once, the others after
//                         so much CPU time each; its PID
//   team MS THREADS       one that exits while its threads, after so much CPU
//                         time each, still wait; its PID
//   done [...]            ends at once
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "work.h"

static char self[4096];
extern char** environ;

static void give_up(const char* what) {
  perror(what);
  exit(2);
}

// The child of a vfork() shares our memory until it executes.
static pid_t start(const char* file, char** arguments) {
  pid_t child = vfork();
  if (child < 0) give_up("vfork");
  if (child == 0) {
    execv(file, arguments);
    _exit(127);
  }
  return child;
}

static int wait_for(pid_t child) {
  int status = 0;
  if (waitpid(child, &status, 0) < 0) give_up("waitpid");
  return status;
}

static void work_off(int worker, int count) {
  char number[16];
  char name[16];
  snprintf(name, sizeof(name), "%d", worker);
  for (int i = 0; i < count; ++i) {
    snprintf(number, sizeof(number), "%d", i);
    wait_for(start(self, (char*[]){self, "done", name, number, NULL}));
  }
}

static int storm(int count, int workers) {
  int64_t begin = clock_ns(CLOCK_MONOTONIC);
  for (int i = 0; i < workers; ++i) {
    if (fork() == 0) {
      work_off(i, count);
      _exit(0);
    }
  }
  while (wait(NULL) > 0) continue;
  printf("%lld\n", (long long)(clock_ns(CLOCK_MONOTONIC) - begin));
  return 0;
}

// Each program waits until the pipe is closed.
static int flight(int count) {
  int gate[2];
  int ran = 0;
  if (pipe(gate) != 0) give_up("pipe");
  // The far end goes with each exec.
  fcntl(gate[1], F_SETFD, FD_CLOEXEC);
  char number[16];
  snprintf(number, sizeof(number), "%d", gate[0]);
  for (int i = 0; i < count; ++i) {
    pid_t child = start(self, (char*[]){self, "held", number, NULL});
    ran += child > 0;
  }
  close(gate[1]);
  while (wait(NULL) > 0) continue;
  printf("%d\n", ran);
  return 0;
}

static int held(int gate) {
  char byte;
  return read(gate, &byte, 1) == 0 ? 0 : 1;
}

static int many_args(int count, int size) {
  char** arguments = calloc((size_t)count + 3, sizeof(char*));
  arguments[0] = self;
  arguments[1] = "done";
  for (int i = 0; i < count; ++i) {
    arguments[i + 2] = malloc((size_t)size + 1);
    memset(arguments[i + 2], 'a' + i % 26, (size_t)size);
    arguments[i + 2][size] = 0;
  }
  return wait_for(start(self, arguments));
}

static char* from_hex(const char* hex) {
  size_t size = strlen(hex) / 2;
  char* text = malloc(size + 1);
  for (size_t i = 0; i < size; ++i) {
    char digits[3] = {hex[2 * i], hex[2 * i + 1], 0};
    text[i] = (char)strtol(digits, NULL, 16);
  }
  text[size] = 0;
  return text;
}

static int hostile(int count, char** hex) {
  char** arguments = calloc((size_t)count + 3, sizeof(char*));
  arguments[0] = self;
  arguments[1] = "done";
  for (int i = 0; i < count; ++i) arguments[i + 2] = from_hex(hex[i]);
  return wait_for(start(self, arguments));
}

static void* execute_done(void* unused) {
  (void)unused;
  printf("%d %d\n", getpid(), (int)syscall(SYS_gettid));
  fflush(stdout);
  execv(self, (char*[]){self, "done", "thread", NULL});
  give_up("execv");
  return NULL;
}

static int from_thread(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, execute_done, NULL);
  pthread_join(thread, NULL);
  return 1;
}

static int copy_of_self(int to) {
  int from = open(self, O_RDONLY);
  struct stat info;
  if (from < 0 || fstat(from, &info) != 0) give_up(self);
  while (sendfile(to, from, NULL, (size_t)info.st_size) > 0) continue;
  close(from);
  return to;
}

static int from_memfd(void) {
  int fd = copy_of_self(memfd_create("payload", MFD_CLOEXEC));
  fexecve(fd, (char*[]){"innocent", "done", NULL}, environ);
  give_up("fexecve");
  return 1;
}

static int deleted(const char* file) {
  close(copy_of_self(open(file, O_WRONLY | O_CREAT | O_TRUNC, 0755)));
  int fd = open(file, O_RDONLY | O_CLOEXEC);
  unlink(file);
  fexecve(fd, (char*[]){"gone", "done", NULL}, environ);
  give_up("fexecve");
  return 1;
}

static int below(const char* directory, const char* name) {
  int fd = open(directory, O_PATH | O_DIRECTORY);
  char* arguments[] = {"below", "done", NULL};
  printf("/dev/fd/%d/%s\n", fd, name);
  fflush(stdout);
  syscall(SYS_execveat, fd, name, arguments, environ, 0);
  give_up("execveat");
  return 1;
}

static int fail(char* file, int count) {
  // On the stack: constants that nobody has touched are not in memory yet.
  char words[4][8] = {"tried", "a b", "", "-x"};
  for (int i = 0; i < count; ++i) {
    execv(file, (char*[]){words[0], words[1], words[2], words[3], NULL});
    printf("%d\n", errno);
  }
  return 0;
}

static int bare(const char* file) {
  // Not execve(), which is declared never to take NULL.
  syscall(SYS_execve, file, NULL, NULL);
  printf("%d\n", errno);
  return 0;
}

static int search(char* name) {
  execvp(name, (char*[]){name, NULL});
  printf("%d\n", errno);
  return 0;
}

static int flood(int count, int size, useconds_t pause_us) {
  char* argument = malloc((size_t)size + 1);
  memset(argument, 'x', (size_t)size);
  argument[size] = 0;
  for (int i = 0; i < count; ++i) {
    start(self, (char*[]){self, "done", argument, NULL});
    if (pause_us > 0) usleep(pause_us);
  }
  while (wait(NULL) > 0) continue;
  return 0;
}

// The call takes what lies below 4 GiB.
static int compat(const char* file) {
  uint32_t* low = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  if (low == MAP_FAILED) give_up("mmap");
  char* text = (char*)(low + 8);
  strcpy(text, file);
  strcpy(text + 4000, "thirty-two");
  low[0] = (uint32_t)(uintptr_t)(text + 4000);
  low[1] = 0;
  low[2] = 0;
  long result;
  __asm__ volatile("int $0x80"
                   : "=a"(result)
                   : "a"(11L), "b"((long)text), "c"((long)low),
                     "d"((long)(low + 2))
                   : "memory", "r8", "r9", "r10", "r11");
  printf("%ld\n", -result);
  return 0;
}

static int one(char* how, char* first, char* second) {
  pid_t child = start(self, (char*[]){self, "end", how, first, second, NULL});
  printf("%d\n", child);
  wait_for(child);
  return 0;
}

static pthread_barrier_t all_done;
static int64_t thread_ns;

static void* spend(void* waits) {
  do work_a_little();
  while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < thread_ns);
  if (waits == NULL) return NULL;
  pthread_barrier_wait(&all_done);
  pause();
  return NULL;
}

static int threads_end(int ms, int count, bool together) {
  pthread_t thread;
  thread_ns = ms * 1000000LL;
  pthread_barrier_init(&all_done, NULL, (unsigned)count + 1);
  for (int i = 0; i < count; ++i) {
    if (pthread_create(&thread, NULL, spend, together ? self : NULL) != 0) {
      give_up("pthread_create");
    }
  }
  if (!together) pthread_exit(NULL);
  pthread_barrier_wait(&all_done);
  return 0;
}

static int end(const char* how, const char* first, const char* second) {
  if (strcmp(how, "crew") == 0 || strcmp(how, "team") == 0) {
    return threads_end(atoi(first), atoi(second), how[0] == 't');
  }
  if (strcmp(how, "exit") == 0) return atoi(first);
  if (strcmp(how, "kill") == 0) {
    kill(getpid(), atoi(first));
    return 0;
  }
  size_t size = (size_t)atoi(second) << 20;
  char* memory = malloc(size);
  memset(memory, 1, size);
  do work_a_little();
  while (clock_ns(CLOCK_PROCESS_CPUTIME_ID) < atoll(first) * 1000000);
  return memory[size / 2] - 1;
}

int main(int argc, char** argv) {
  const char* what = argc > 1 ? argv[1] : "";
  if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0) {
    if (strcmp(what, "done") != 0) give_up("/proc/self/exe");
  }
  if (strcmp(what, "done") == 0) return 0;
  if (strcmp(what, "held") == 0) return held(atoi(argv[2]));
  if (strcmp(what, "end") == 0) return end(argv[2], argv[3], argv[4]);
  if (strcmp(what, "storm") == 0) return storm(atoi(argv[2]), atoi(argv[3]));
  if (strcmp(what, "flight") == 0) return flight(atoi(argv[2]));
  if (strcmp(what, "args") == 0) return many_args(atoi(argv[2]), atoi(argv[3]));
  if (strcmp(what, "hostile") == 0) return hostile(argc - 2, argv + 2);
  if (strcmp(what, "thread") == 0) return from_thread();
  if (strcmp(what, "memfd") == 0) return from_memfd();
  if (strcmp(what, "deleted") == 0) return deleted(argv[2]);
  if (strcmp(what, "at") == 0) return below(argv[2], argv[3]);
  if (strcmp(what, "fail") == 0) return fail(argv[2], atoi(argv[3]));
  if (strcmp(what, "compat") == 0) return compat(argv[2]);
  if (strcmp(what, "exit") == 0 || strcmp(what, "kill") == 0) {
    return one(argv[1], argv[2], "");
  }
  if (strcmp(what, "bare") == 0) return bare(argv[2]);
  if (strcmp(what, "search") == 0) return search(argv[2]);
  if (strcmp(what, "flood") == 0) {
    return flood(atoi(argv[2]), atoi(argv[3]), (useconds_t)atoi(argv[4]));
  }
  if (strcmp(what, "busy") == 0 || strcmp(what, "crew") == 0 ||
      strcmp(what, "team") == 0) {
    return one(argv[1], argv[2], argv[3]);
  }
  fprintf(stderr, "execs: no case '%s'\n", what);
  return 2;
}
