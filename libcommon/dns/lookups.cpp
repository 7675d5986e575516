// SPDX-License-Identifier: Apache-2.0
#include "dns/lookups.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "bpf/filters.h"
#include "bpf/loss_ledger.h"
#include "dns/host_name.h"
#include "dns/uretprobe.h"
#include "getaddrinfo.h"
#include "getaddrinfo.skel.h"

namespace sightline::dns {
namespace {

// Some 700 calls with two addresses each.
constexpr std::uint32_t ring_bytes = 256 << 10;

constexpr std::size_t fixed_part = offsetof(lookup_record, addresses);

}  // namespace

std::optional<Lookup> decode_lookup(std::span<const std::byte> record) {
  lookup_record copy{};
  if (record.size() < fixed_part) return std::nullopt;
  std::memcpy(&copy, record.data(), std::min(record.size(), sizeof(copy)));
  auto count = std::min((record.size() - fixed_part) / sizeof(lookup_address),
                        std::size_t{LOOKUP_MOST_ADDRESSES});
  if (copy.header.type != LOOKUP_DONE || copy.count > count) {
    return std::nullopt;
  }
  auto name = host_name({copy.name, ::strnlen(copy.name, sizeof(copy.name))});
  if (!name) return std::nullopt;
  Lookup lookup{.time_ns = copy.header.time_ns,
                .who = {.pid = copy.pid,
                        .parent = 0,
                        .uid = copy.uid,
                        .cgroup = copy.cgroup},
                .name = *std::move(name),
                .addresses = {}};
  for (const auto& address : std::span(copy.addresses).first(copy.count)) {
    lookup.addresses.push_back(
        *address_of(std::as_bytes(std::span(&address, 1))));
  }
  return lookup;
}

Lookups::Lookups(Lookups&&) noexcept = default;
Lookups& Lookups::operator=(Lookups&&) noexcept = default;
Lookups::~Lookups() = default;

void Lookups::SkeletonCloser::operator()(getaddrinfo_bpf* skeleton) const {
  getaddrinfo_bpf::destroy(skeleton);
}

Result<Lookups> Lookups::open(const std::string& btf_file, Handler handler) {
  Lookups lookups;
  auto skeleton = SL_TRY(bpf::open_skeleton<getaddrinfo_bpf>(btf_file));
  lookups.skeleton_.reset(skeleton.release());
  auto& maps = lookups.skeleton_->maps;
  bpf::set_max_entries(maps.events, ring_bytes);
  lookups.skeleton_->rodata->pid_namespace = bpf::own_pid_namespace();
  SL_CHECK(bpf::load_skeleton(*lookups.skeleton_));
  SL_CHECK(check_uretprobes(*lookups.skeleton_->progs.after_getaddrinfo));
  lookups.needs_admin_ =
      only_admins_attach(*lookups.skeleton_->progs.after_getaddrinfo);
  lookups.ring_ = SL_TRY(bpf::Ring::open(
      bpf::fd_of(maps.events), [handler = std::move(handler)](auto record) {
        if (auto lookup = decode_lookup(record)) handler(*lookup);
      }));
  return lookups;
}

// The return first: a call that was seen to begin is seen to end.
bool Lookups::attach(const Library& library) {
  const auto& programs = skeleton_->progs;
  auto at_return = bpf::attach_to_function(
      *programs.after_getaddrinfo, library.fd.get(), library.getaddrinfo, true);
  auto at_entry = bpf::attach_to_function(
      *programs.on_getaddrinfo, library.fd.get(), library.getaddrinfo, false);
  if (!at_return || !at_entry) return false;
  links_.push_back(*std::move(at_return));
  links_.push_back(*std::move(at_entry));
  return true;
}

Status Lookups::attach_new() {
  for (const auto& library : SL_TRY(libraries_.find_new())) {
    ++(attach(library) ? attached_ : refused_);
  }
  return {};
}

Result<std::uint64_t> Lookups::lost() const {
  auto ledger =
      bpf::sum(SL_TRY(bpf::read_ledgers(bpf::fd_of(skeleton_->maps.ledger))));
  return ledger[LEDGER_event_ring_full] + ledger[LEDGER_scratch_full] +
         ledger[LEDGER_text_unreadable] +
         bpf::recursion_misses(*skeleton_->progs.on_getaddrinfo) +
         bpf::recursion_misses(*skeleton_->progs.after_getaddrinfo);
}

std::uint64_t Lookups::map_memory() const {
  return bpf::map_memory(*skeleton_->obj);
}

}  // namespace sightline::dns
