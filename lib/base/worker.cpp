#include "base/worker.hpp"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace offpeak {

Task<std::unique_ptr<Worker::Work>> Worker::finish(std::unique_ptr<Work> work) {
  namespace asio = boost::asio;
  if (!executor_) {
    pool_ = std::make_unique<asio::thread_pool>(1);
    executor_ = pool_->get_executor();
  }
  auto initiate = [this](auto handler, std::unique_ptr<Work> moved) {
    auto target = asio::get_associated_executor(handler, executor_);
    auto guard = asio::make_work_guard(target);
    asio::post(executor_, [ours = std::move(moved), handler = std::move(handler), guard = std::move(guard)]() mutable {
      try {
        ours->call();
      } catch (...) {
        ours->failure = std::current_exception();
      }
      auto executor = guard.get_executor();
      asio::post(executor, [handler = std::move(handler), ours = std::move(ours)]() mutable {
        std::move(handler)(std::move(ours));
      });
      guard.reset();
    });
  };
  auto done = co_await asio::async_initiate<const asio::use_awaitable_t<>, void(std::unique_ptr<Work>)>(
      std::move(initiate), asio::use_awaitable, std::move(work));
  if (done->failure) std::rethrow_exception(done->failure);
  co_return done;
}

}  // namespace offpeak
