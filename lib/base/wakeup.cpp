#include "base/wakeup.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

namespace offpeak {

void Wakeup::notify() {
  notified_ = true;
  timer_.cancel();
}

Task<bool> Wakeup::wait_until(SteadyTime deadline) {
  while (!notified_ && clock_.steady_now() < deadline) {
    clock_.arm(timer_, deadline);
    auto [ec] = co_await timer_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    clock_.disarm(timer_);
    const bool ours = notified_ || clock_.steady_now() >= deadline;
    if (ec && !ours) throw boost::system::system_error(boost::asio::error::operation_aborted);
  }
  co_return std::exchange(notified_, false);
}

Task<> Wakeup::wait() {
  while (!co_await wait_until(SteadyTime::max())) {
  }
}

}  // namespace offpeak
