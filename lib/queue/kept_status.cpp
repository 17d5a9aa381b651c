#include "queue/kept_status.hpp"

#include <algorithm>
#include <exception>

#include "queue/queue.hpp"

namespace offpeak {

namespace {

constexpr auto asked_lately = std::chrono::seconds(2);
constexpr auto refresh_interval = std::chrono::milliseconds(1);

std::chrono::sys_days day_of(Instant now) { return std::chrono::floor<std::chrono::days>(now); }

}  // namespace

std::optional<Status> KeptStatus::ask(Instant now) {
  const std::scoped_lock lock(mutex_);
  asked_at_ = clock_.steady_now();
  if (!is_of(day_of(now))) return std::nullopt;
  return kept_->status;
}

Status KeptStatus::read(const Queue& queue, Instant now) {
  {
    // Where several wait, the first one has read it for all.
    const std::scoped_lock lock(mutex_);
    if (is_of(day_of(now))) return kept_->status;
  }
  return keep(queue, now);
}

Status KeptStatus::keep(const Queue& queue, Instant now) {
  Kept fresh{queue.status(now), day_of(now)};
  const std::scoped_lock lock(mutex_);
  kept_ = std::move(fresh);
  return kept_->status;
}

bool KeptStatus::should_refresh(Instant now) {
  const auto steady = clock_.steady_now();
  const std::scoped_lock lock(mutex_);
  if (!asked_at_ || steady - *asked_at_ > asked_lately || steady < next_refresh_) return false;
  return !is_of(day_of(now));
}

void KeptStatus::refresh(const Queue& queue) {
  const auto now = clock_.now();
  if (!should_refresh(now)) return;
  try {
    keep(queue, now);
  } catch (const std::exception&) {
    // The function has nothing to do with it. Who asks next is told by the worker.
  }
  next_refresh_ = clock_.steady_now() + refresh_interval;
}

void KeptStatus::end_write(const Queue& queue) {
  {
    const std::scoped_lock lock(mutex_);
    kept_.reset();
  }
  refresh(queue);
}

Task<Status> Database::status(Instant now) {
  if (auto kept = kept_status_.ask(now)) co_return std::move(*kept);
  const auto read = [kept = &kept_status_, queue = &queue_, now] { return kept->read(*queue, now); };
  co_return co_await worker_.run(read);
}

}  // namespace offpeak
