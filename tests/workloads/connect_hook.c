// SPDX-License-Identifier: Apache-2.0
// connect_hook CGROUP PORT: as long as there is no input, IPv4 sockets of the
// cgroup that connect anywhere are sent to that port; with port 0 they may not.
// Prints a line when it has begun.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static void give_up(const char* what) {
  perror(what);
  exit(2);
}

static int bpf(int command, union bpf_attr* attr) {
  return (int)syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static int load(int port) {
  struct bpf_insn program[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 2, .imm = htons(port)},
      {.code = BPF_STX | BPF_MEM | BPF_W,
       .dst_reg = 1,
       .src_reg = 2,
       .off = offsetof(struct bpf_sock_addr, user_port)},
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = port != 0},
      {.code = BPF_JMP | BPF_EXIT}};
  union bpf_attr attr;
  memset(&attr, 0, sizeof(attr));
  attr.prog_type = BPF_PROG_TYPE_CGROUP_SOCK_ADDR;
  attr.expected_attach_type = BPF_CGROUP_INET4_CONNECT;
  attr.insns = (uintptr_t)program;
  attr.insn_cnt = sizeof(program) / sizeof(program[0]);
  attr.license = (uintptr_t)"GPL";
  int fd = bpf(BPF_PROG_LOAD, &attr);
  if (fd < 0) give_up("BPF_PROG_LOAD");
  return fd;
}

// A link goes with us; what is attached otherwise would stay.
static void attach(int program, const char* cgroup) {
  union bpf_attr attr;
  memset(&attr, 0, sizeof(attr));
  attr.link_create.prog_fd = program;
  attr.link_create.target_fd = open(cgroup, O_RDONLY | O_DIRECTORY);
  attr.link_create.attach_type = BPF_CGROUP_INET4_CONNECT;
  if (bpf(BPF_LINK_CREATE, &attr) < 0) give_up("BPF_LINK_CREATE");
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  attach(load(atoi(argv[2])), argv[1]);
  puts("begun");
  fflush(stdout);
  getchar();
  return 0;
}
