// SPDX-License-Identifier: Apache-2.0
#include "dns/newcomers.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <utility>

namespace sightline::dns {

void Newcomers::append(Queue& queue, const Pids& pids) {
  auto room = first_ ? pids.size() : most_ - std::min(most_, queue.size());
  auto count = std::min(pids.size(), room);
  skipped_ += pids.size() - count;
  queue.insert(queue.end(), pids.begin(),
               pids.begin() + static_cast<std::ptrdiff_t>(count));
}

void Newcomers::add(std::vector<std::uint32_t> processes) {
  Pids fresh;
  std::ranges::set_difference(processes, last_, std::back_inserter(fresh));
  Pids recent;
  std::ranges::set_difference(last_, before_, std::back_inserter(recent));
  Pids again;  // and still there
  std::ranges::set_intersection(recent, processes, std::back_inserter(again));
  std::ranges::sort(renewed_);
  Pids renewed;
  std::ranges::set_intersection(std::exchange(renewed_, {}), processes,
                                std::back_inserter(renewed));
  append(fresh_, fresh);
  append(again_, again);
  append(again_, renewed);
  first_ = false;
  turn_of_again_ = false;
  before_ = std::exchange(last_, std::move(processes));
}

void Newcomers::renew(std::uint32_t process) {
  append(fresh_, {process});
  if (renewed_.size() < most_) renewed_.push_back(process);
}

std::optional<std::uint32_t> Newcomers::next() {
  bool turn = std::exchange(turn_of_again_, !turn_of_again_);
  bool from_again = fresh_.empty() || (turn && !again_.empty());
  auto& queue = from_again ? again_ : fresh_;
  if (queue.empty()) return std::nullopt;
  auto pid = queue.front();
  queue.pop_front();
  return pid;
}

void Executions::keep(const std::vector<std::uint32_t>& processes) {
  std::erase_if(programs_, [&](const auto& known) {
    return !std::ranges::binary_search(processes, known.first);
  });
  all_ = processes;
}

std::optional<std::uint32_t> Executions::next() {
  if (all_.empty()) return std::nullopt;
  auto after = std::ranges::upper_bound(all_, asked_);
  asked_ = after == all_.end() ? all_.front() : *after;
  return asked_;
}

bool Executions::changes(std::uint32_t process, std::string_view program) {
  auto hash = std::hash<std::string_view>{}(program);
  auto [known, is_new] = programs_.try_emplace(process, hash);
  return std::exchange(known->second, hash) != hash && !is_new;
}

bool SeenPrograms::wants_look(const std::string& program,
                              std::uint64_t now_ns) {
  bool forget = looks_.size() >= most || now_ns - since_ns_ > most_age_ns;
  if (forget) {
    looks_.clear();
    since_ns_ = now_ns;
  }
  return ++looks_[program] <= enough;
}

}  // namespace sightline::dns
