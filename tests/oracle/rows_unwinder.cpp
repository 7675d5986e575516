// SPDX-License-Identifier: Apache-2.0
#include "rows_unwinder.h"

#include <stdexcept>

#include "unwind/thread_memory.h"

namespace sightline::oracle {

std::unique_ptr<RowsUnwinder> RowsUnwinder::open() {
  auto maps = unwind::testing::RealMaps::make();
  if (!maps) return nullptr;
  return std::unique_ptr<RowsUnwinder>(new RowsUnwinder(std::move(*maps)));
}

void RowsUnwinder::load(pid_t pid) {
  const std::uint32_t pids[] = {static_cast<std::uint32_t>(pid)};
  auto store = maps_.open(16 * unwind::testing::one_shard);
  if (!store) throw std::runtime_error(store.error().what);
  auto loader = unwind::Loader::open(std::move(*store), table_, objects_);
  if (!loader) throw std::runtime_error(loader.error().what);
  loader_ = std::move(*loader);
  if (auto status = loader_->load(pids, UINT64_MAX); !status)
    throw std::runtime_error(status.error().what);
  view_.emplace(loader_->store());
  walker_.emplace(*view_, true);
}

std::vector<std::uint64_t> RowsUnwinder::walk(pid_t pid) {
  if (!loader_) load(pid);
  auto registers = unwind::stopped_registers(pid);
  if (!registers) throw std::runtime_error(registers.error().what);
  auto mappings = loader_->spaces().published(static_cast<std::uint32_t>(pid));
  return walker_->walk(*registers, false, mappings, unwind::ThreadMemory(pid))
      .frames;
}

}  // namespace sightline::oracle
