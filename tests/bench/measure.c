// SPDX-License-Identifier: Apache-2.0
// measure FILE FROM_MS FOR_MS COMMAND [ARG...]: runs a command and writes into
// FILE what it took, one "KEY NUMBER" a line:
//
//   wall_ms cpu_ms rss_kib   of the whole run; CPU of all its processes, peak
//                            memory of the largest
//   ready_ms                 until a byte came on its descriptor 3
//   window_ms window_cpu_ns  a part of the run, FOR_MS long, that begins
//                            FROM_MS after the start; CPU of all its threads
//   bpf_ns bpf_runs          what BPF programs that it holds took in that part
//                            (needs kernel.bpf_stats_enabled)
//
// FOR_MS 0: no such part. It is small and written in C because a process begins
// with the peak memory of the one that executed it (exec_mmap in fs/exec.c).
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct Used {
  uint64_t at_ns, cpu_ns, bpf_ns, bpf_runs;
};

static void fail(const char* what) {
  perror(what);
  exit(125);
}

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

// for_each calls with the path of every entry of /proc/PID/FOLDER.
static void for_each(pid_t pid, const char* folder,
                     void (*visit)(const char* path, struct Used* used),
                     struct Used* used) {
  char path[512];
  snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, folder);
  DIR* entries = opendir(path);
  if (entries == NULL) return;  // it has ended
  for (struct dirent* entry; (entry = readdir(entries)) != NULL;) {
    if (entry->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "/proc/%d/%s/%s", (int)pid, folder,
             entry->d_name);
    visit(path, used);
  }
  closedir(entries);
}

static void add_thread(const char* path, struct Used* used) {
  char name[600];
  unsigned long long ran = 0;
  snprintf(name, sizeof name, "%s/schedstat", path);
  FILE* file = fopen(name, "re");
  if (file == NULL) return;
  if (fscanf(file, "%llu", &ran) == 1) used->cpu_ns += ran;
  fclose(file);
}

static void add_program(const char* path, struct Used* used) {
  char line[256];
  unsigned long long value;
  FILE* file = fopen(path, "re");
  if (file == NULL) return;
  while (fgets(line, sizeof line, file) != NULL) {
    if (sscanf(line, "run_time_ns: %llu", &value) == 1) used->bpf_ns += value;
    if (sscanf(line, "run_cnt: %llu", &value) == 1) used->bpf_runs += value;
  }
  fclose(file);
}

static struct Used used_by(pid_t pid) {
  struct Used used = {.at_ns = now_ns()};
  for_each(pid, "task", add_thread, &used);
  for_each(pid, "fdinfo", add_program, &used);
  return used;
}

static pid_t start(char** command, int ready[2]) {
  pid_t pid = fork();
  if (pid < 0) fail("fork");
  if (pid > 0) return pid;
  if (ready[1] != 3) {
    if (dup2(ready[1], 3) < 0) fail("dup2");
  } else if (fcntl(3, F_SETFD, 0) < 0) {
    fail("fcntl");
  }
  execvp(command[0], command);
  perror(command[0]);
  _exit(127);
}

static void sleep_until(uint64_t when_ns) {
  struct timespec when = {when_ns / 1000000000, when_ns % 1000000000};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL) != 0);
}

// Returns 0 when the pipe was closed without a byte.
static uint64_t wait_ready(int fd) {
  char byte;
  return read(fd, &byte, 1) == 1 ? now_ns() : 0;
}

static double ms(uint64_t ns) { return ns / 1e6; }

static double cpu_ms(const struct rusage* usage) {
  return (usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1e3 +
         (usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1e3;
}

// What the command has started and not waited for, as perf does with addr2line,
// becomes ours with its end, and counts as well.
static void add_orphans(double* cpu, long* rss_kib) {
  struct rusage usage;
  while (wait4(-1, NULL, 0, &usage) > 0) {
    *cpu += cpu_ms(&usage);
    if (usage.ru_maxrss > *rss_kib) *rss_kib = usage.ru_maxrss;
  }
}

static void write_window(FILE* out, pid_t pid, uint64_t from_ns,
                         uint64_t for_ns) {
  sleep_until(from_ns);
  struct Used before = used_by(pid);
  sleep_until(from_ns + for_ns);
  struct Used after = used_by(pid);
  fprintf(out, "window_ms %.3f\nwindow_cpu_ns %llu\n",
          ms(after.at_ns - before.at_ns),
          (unsigned long long)(after.cpu_ns - before.cpu_ns));
  fprintf(out, "bpf_ns %llu\nbpf_runs %llu\n",
          (unsigned long long)(after.bpf_ns - before.bpf_ns),
          (unsigned long long)(after.bpf_runs - before.bpf_runs));
}

int main(int argc, char** argv) {
  if (argc < 5) {
    fputs("usage: measure FILE FROM_MS FOR_MS COMMAND [ARG...]\n", stderr);
    return 2;
  }
  int ready[2];
  FILE* out = fopen(argv[1], "we");
  if (out == NULL) fail(argv[1]);
  if (pipe2(ready, O_CLOEXEC) < 0) fail("pipe2");
  if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0) fail("prctl");
  uint64_t from_ns = atoll(argv[2]) * 1000000,
           for_ns = atoll(argv[3]) * 1000000;

  uint64_t began = now_ns();
  pid_t pid = start(argv + 4, ready);
  close(ready[1]);
  uint64_t at = for_ns > 0 ? 0 : wait_ready(ready[0]);
  if (for_ns > 0) write_window(out, pid, began + from_ns, for_ns);
  struct rusage usage;
  int status;
  if (wait4(pid, &status, 0, &usage) != pid) fail("wait4");
  fprintf(out, "wall_ms %.3f\n", ms(now_ns() - began));
  double cpu = cpu_ms(&usage);
  long rss_kib = usage.ru_maxrss;
  add_orphans(&cpu, &rss_kib);
  fprintf(out, "cpu_ms %.3f\nrss_kib %ld\n", cpu, rss_kib);
  if (at > 0) fprintf(out, "ready_ms %.3f\n", ms(at - began));
  if (fclose(out) != 0) fail(argv[1]);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
