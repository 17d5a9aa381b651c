#include "base/task_group.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/assert.hpp>
#include <boost/system/system_error.hpp>
#include <cstdlib>

namespace offpeak {

namespace {

bool is_cancellation(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const boost::system::system_error& error) {
    return error.code() == boost::asio::error::operation_aborted;
  } catch (...) {
    return false;
  }
}

}  // namespace

TaskGroup::TaskGroup(boost::asio::any_io_executor executor)
    : executor_(std::move(executor)), changed_(executor_, boost::asio::steady_timer::time_point::max()) {}

TaskGroup::~TaskGroup() {
  // A frame that outlives its group refers to freed memory: better to stop here, loudly.
  if (!children_.empty()) std::abort();
}

void TaskGroup::spawn(std::string name, Task<> task) {
  auto child = children_.emplace_back(std::make_shared<Child>());
  child->name = std::move(name);
  try {
    boost::asio::co_spawn(
        executor_, std::move(task),
        boost::asio::bind_cancellation_slot(
            child->signal.slot(), [this, child](std::exception_ptr failure) { finished(child, std::move(failure)); }));
  } catch (...) {
    children_.remove(child);  // it never began, so nobody must wait for it
    throw;
  }
  if (canceled_) child->signal.emit(boost::asio::cancellation_type::terminal);
}

void TaskGroup::cancel() {
  canceled_ = true;
  // Emitting may complete and erase a child at once, so each emission is posted. Without memory even for that the
  // process ends here: tasks that nobody can stop would keep half a program alive.
  [this]() noexcept {
    for (const auto& child : children_) {
      boost::asio::post(executor_, [weak = std::weak_ptr(child)] {
        if (const auto living = weak.lock()) living->signal.emit(boost::asio::cancellation_type::terminal);
      });
    }
  }();
}

void TaskGroup::finished(const std::shared_ptr<Child>& child, std::exception_ptr failure) {
  if (failure && !is_cancellation(failure) && !failure_) {
    failure_ = failure;
    failed_task_ = child->name;
  }
  const bool failed = failure_ != nullptr;
  children_.remove(child);
  if (failed && !canceled_) cancel();
  changed_.cancel();
}

Task<> TaskGroup::join() {
  // A canceled join waits all the same, since the tasks refer to what dies with the group; with exceptions on, its next
  // await would throw and leave them behind.
  const bool throwing = co_await boost::asio::this_coro::throw_if_cancelled();
  co_await boost::asio::this_coro::throw_if_cancelled(false);
  while (!children_.empty()) {
    const auto state = co_await boost::asio::this_coro::cancellation_state;
    if (state.cancelled() != boost::asio::cancellation_type::none && !canceled_) cancel();
    co_await changed_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
  }
  co_await boost::asio::this_coro::throw_if_cancelled(throwing);
  if (failure_) std::rethrow_exception(failure_);
}

}  // namespace offpeak
