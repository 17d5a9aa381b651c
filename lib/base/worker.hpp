// Worker: runs plain functions away from the I/O thread and hands the result back to the caller's executor. One thread,
// in order. Made inline, it runs them on the caller's own executor: for tests and simulation in one thread.
// A canceled caller does not stop the function: it finishes, and the caller's next await throws. So a write is never
// half known. Functions capture values, never a stage's `this` that may be gone.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/task.hpp"

namespace offpeak {

class Worker {
 public:
  Worker() : pool_(std::make_unique<boost::asio::thread_pool>(1)), executor_(pool_->get_executor()) {}
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
    using T = std::invoke_result_t<Function>;
    if constexpr (std::is_void_v<T>) {
      // Asio itself rethrows a completion with an exception_ptr.
      co_await start<std::exception_ptr>(VoidCall<Function>(std::move(function)));
    } else {
      auto result = co_await start<Holder<T>>(ValueCall<Function, T>(std::move(function)));
      if (result.failure) std::rethrow_exception(result.failure);
      co_return std::move(*result.value);
    }
  }

 private:
  template <class T>
  struct Holder {
    std::optional<T> value;
    std::exception_ptr failure;
  };

  template <class Function>
  struct VoidCall {
    explicit VoidCall(Function f) : function(std::move(f)) {}
    std::exception_ptr operator()() {
      try {
        function();
      } catch (...) {
        return std::current_exception();
      }
      return nullptr;
    }
    Function function;
  };

  template <class Function, class T>
  struct ValueCall {
    explicit ValueCall(Function f) : function(std::move(f)) {}
    Holder<T> operator()() {
      Holder<T> held;
      try {
        held.value.emplace(function());
      } catch (...) {
        held.failure = std::current_exception();
      }
      return held;
    }
    Function function;
  };

  template <class R, class Call>
  auto start(Call call) {
    return boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void(R)>(
        [this](auto handler, Call moved) {
          auto target = boost::asio::get_associated_executor(handler, executor_);
          auto guard = boost::asio::make_work_guard(target);
          boost::asio::post(
              executor_, [call = std::move(moved), handler = std::move(handler), guard = std::move(guard)]() mutable {
                R result = call();
                auto executor = guard.get_executor();
                boost::asio::post(executor, [handler = std::move(handler), result = std::move(result)]() mutable {
                  std::move(handler)(std::move(result));
                });
                guard.reset();
              });
        },
        boost::asio::use_awaitable, std::move(call));
  }

  std::unique_ptr<boost::asio::thread_pool> pool_;
  boost::asio::any_io_executor executor_;
};

}  // namespace offpeak
