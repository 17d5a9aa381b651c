#include "ingest/unique_ids.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace offpeak {

namespace {

static_assert(std::is_trivially_copyable_v<IdUse>);

constexpr std::size_t merge_entries = 32 * 1024;  // in all the runs' buffers together
constexpr std::size_t buffer_entries_min = 32;

std::string_view as_bytes(const std::vector<IdUse>& uses) {
  return {reinterpret_cast<const char*>(uses.data()), uses.size() * sizeof(IdUse)};
}

std::span<char> as_writable_bytes(std::vector<IdUse>& uses) {
  return {reinterpret_cast<char*>(uses.data()), uses.size() * sizeof(IdUse)};
}

}  // namespace

IdUse id_use(const Digest128& digest) {
  IdUse use;
  std::memcpy(&use.high, digest.bytes.data(), 8);
  std::memcpy(&use.low, digest.bytes.data() + 8, 8);
  return use;
}

UniqueIds::UniqueIds(Files& files, std::string spill_path, std::size_t run_entries)
    : files_(files), spill_path_(std::move(spill_path)), run_entries_(std::max<std::size_t>(run_entries, 1)) {}

UniqueIds::~UniqueIds() {
  // A leftover is removed when the daemon starts, so a failure here is no loss.
  if (spilled_) [[maybe_unused]]
    const auto removed = files_.remove(spill_path_);
}

Result<void> UniqueIds::add(const IdUse& use) {
  if (held_.size() >= run_entries_) {
    if (auto spilled = spill(); !spilled) return spilled;
  }
  held_.push_back(use);
  return {};
}

Result<void> UniqueIds::spill() {
  std::ranges::sort(held_);
  if (!spilled_) {
    auto file = files_.open(spill_path_, OpenFor::rewriting);
    if (!file) return file.error();
    spilled_ = std::move(*file);
  }
  if (auto written = spilled_->append(as_bytes(held_)); !written) return written;
  Run run;
  run.next = runs_.empty() ? 0 : runs_.back().end;
  run.end = run.next + held_.size() * sizeof(IdUse);
  runs_.push_back(std::move(run));
  held_.clear();
  return {};
}

Result<bool> UniqueIds::find(std::size_t most, std::vector<RepeatedId>& repeated) {
  if (!std::exchange(merging_, true)) {
    if (auto started = start_merge(); !started) return started.error();
  }
  if (!runs_.empty()) return merge(most, repeated);
  const auto end = std::min(held_.size(), held_at_ + most);
  for (; held_at_ < end; ++held_at_) compare(held_[held_at_], repeated);
  return held_at_ == held_.size();
}

Result<void> UniqueIds::start_merge() {
  if (runs_.empty()) {
    std::ranges::sort(held_);
    return {};
  }
  if (!held_.empty()) {
    if (auto spilled = spill(); !spilled) return spilled;
  }
  std::vector<IdUse>().swap(held_);
  buffer_entries_ = std::max(merge_entries / runs_.size(), buffer_entries_min);
  for (std::size_t i = 0; i < runs_.size(); ++i) {
    if (auto filled = fill(runs_[i]); !filled) return filled;
    heap_.push_back(i);
  }
  const auto later = [this](std::size_t a, std::size_t b) {
    return runs_[b].buffer[runs_[b].at] < runs_[a].buffer[runs_[a].at];
  };
  std::ranges::make_heap(heap_, later);
  return {};
}

Result<void> UniqueIds::fill(Run& run) {
  const auto left = (run.end - run.next) / sizeof(IdUse);
  run.buffer.resize(std::min<std::uint64_t>(left, buffer_entries_));
  run.at = 0;
  auto got = read_exactly(*spilled_, as_writable_bytes(run.buffer), run.next);
  if (!got) return got;
  run.next += run.buffer.size() * sizeof(IdUse);
  return {};
}

Result<bool> UniqueIds::merge(std::size_t most, std::vector<RepeatedId>& repeated) {
  const auto later = [this](std::size_t a, std::size_t b) {
    return runs_[b].buffer[runs_[b].at] < runs_[a].buffer[runs_[a].at];
  };
  for (std::size_t looked = 0; looked < most && !heap_.empty(); ++looked) {
    std::ranges::pop_heap(heap_, later);
    Run& run = runs_[heap_.back()];
    compare(run.buffer[run.at], repeated);
    if (++run.at == run.buffer.size()) {
      if (auto filled = fill(run); !filled) return filled.error();
    }
    if (run.buffer.empty()) {
      heap_.pop_back();
    } else {
      std::ranges::push_heap(heap_, later);
    }
  }
  return heap_.empty();
}

void UniqueIds::compare(const IdUse& use, std::vector<RepeatedId>& repeated) {
  if (any_ && use.same_id(first_)) {
    repeated.push_back(RepeatedId{use, first_.line});
    return;
  }
  any_ = true;
  first_ = use;
}

}  // namespace offpeak
