// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// cpuprof: one perf event on each CPU, one sample each period. tid, cpu and
// cgroup are part of the key only if --by needs them: every field more makes
// more rows.
#include "kernel_types.h"
#include <linux/bpf.h>
#include <linux/bpf_perf_event.h>

#include "filter.h"
#include "samples.h"
#include "unwind_hooks.h"

const volatile bool key_tid = false;
const volatile bool key_cpu = false;
const volatile bool key_cgroup = false;
const volatile bool several_events = false;

char LICENSE[] SEC("license") = "Dual BSD/GPL";

// User space leaves the event's index in attr.wakeup_events, which the kernel
// does not use for an event without a buffer (kernel/events/ring_buffer.c).
static __always_inline __u32 event_index(void *context) {
  struct bpf_perf_event_data_kern *data = context;
  return BPF_CORE_READ(data, event, attr.wakeup_events);
}

static __always_inline const void *interrupted_registers(void *context) {
  struct bpf_perf_event_data_kern *data = context;
  return unwind_mode == UNWIND_MODE_FP ? NULL : BPF_CORE_READ(data, regs);
}

SEC("perf_event")
int on_sample(struct bpf_perf_event_data *context) {
  struct task_struct *task = (struct task_struct *)bpf_get_current_task();
  bool idle = (__u32)bpf_get_current_pid_tgid() == 0;
  __u32 pid = task_pid(task);
  __u32 tid = task_tid(task);
  ledger_count(LEDGER_entered);
  if (idle) ledger_count(LEDGER_entered_idle);
  if (!wanted(idle, pid, tid)) return 0;
  struct sample_key key = {
      .pid = pid,
      .tid = key_tid ? tid : 0,
      .cpu = key_cpu ? (__s32)bpf_get_smp_processor_id() : -1,
      .cgroup = key_cgroup ? bpf_get_current_cgroup_id() : 0,
      .event = several_events ? event_index(context) : 0,
  };
  struct sample_context sampled = {context, interrupted_registers(context)};
  record_sample(&sampled, &key, task, context->sample_period);
  return 0;
}
