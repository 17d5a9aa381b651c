// Worker: runs plain functions away from the I/O thread and hands the result back to the caller's executor. One thread,
// in order. Made inline, it runs them on the caller's own executor: for tests and simulation in one thread.
// A canceled caller does not stop the function: it finishes, and the caller's next await throws. So a write is never
// half known. Functions capture values, never a stage's `this` that may be gone.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/thread_pool.hpp>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "base/task.hpp"

namespace offpeak {

class Worker {
 public:
  // The thread begins with the first function: one that has nothing to do costs nothing.
  Worker() = default;
  // Inline: functions run on `executor`, between other handlers.
  explicit Worker(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}
  ~Worker() {
    if (pool_) pool_->join();
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Awaits function(); an exception it throws is rethrown to the caller.
  template <class Function>
  Task<std::invoke_result_t<Function>> run(Function function) {
    auto done = co_await finish(std::make_unique<WorkOf<Function>>(std::move(function)));
    if constexpr (!std::is_void_v<std::invoke_result_t<Function>>) {
      co_return std::move(*static_cast<WorkOf<Function>&>(*done).value);
    }
  }

 private:
  // One function on its way to the other thread, and its result on the way back. The way is the same code for all of
  // them: made anew for each of some two hundred, it was a third of the program.
  struct Work {
    virtual ~Work() = default;
    virtual void call() = 0;
    std::exception_ptr failure;
  };

  template <class Function>
  struct WorkOf final : Work {
    using Value = std::invoke_result_t<Function>;
    explicit WorkOf(Function f) : function(std::move(f)) {}
    void call() override {
      if constexpr (std::is_void_v<Value>) {
        (*function)();
      } else {
        value.emplace((*function)());
      }
      // What it holds ends where it ran.
      function.reset();
    }
    std::optional<Function> function;
    std::optional<std::conditional_t<std::is_void_v<Value>, std::monostate, Value>> value;
  };

  // Rethrows what it threw.
  Task<std::unique_ptr<Work>> finish(std::unique_ptr<Work> work);

  std::unique_ptr<boost::asio::thread_pool> pool_;
  boost::asio::any_io_executor executor_;  // none yet: the thread's, once it has begun
};

}  // namespace offpeak
