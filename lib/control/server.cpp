#include "control/server.hpp"

#include <fmt/format.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include "control/problem.hpp"

namespace offpeak {

namespace {

namespace asio = boost::asio;

constexpr std::chrono::milliseconds pause_after_failure{200};

// One task more than sessions is in the group: accept_all itself.
constexpr std::size_t own_tasks = 1;

std::string busy_text() {
  Problem problem;
  problem.status = 503;
  problem.type = "busy";
  problem.title = "Too many connections";
  problem.detail = "too many clients are connected to the status socket";
  problem.hint = "close some of them, or try again in half a minute";
  const auto body = to_json(problem) + '\n';
  return fmt::format(
      "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\n"
      "Content-Length: {}\r\nRetry-After: 30\r\nConnection: close\r\n\r\n{}",
      body.size(), body);
}

}  // namespace

ControlServer::ControlServer(asio::any_io_executor executor, Control& control, Log& log, ControlServerOptions options)
    : executor_(std::move(executor)),
      control_(control),
      log_(log),
      options_(std::move(options)),
      sessions_(executor_) {}

ControlServer::~ControlServer() {
  if (acceptor_ && acceptor_->is_open()) remove_place(*acceptor_, options_.place);
}

Result<void> ControlServer::listen() {
  auto acceptor = listen_at(executor_, options_.place);
  if (!acceptor) return acceptor.error();
  acceptor_.emplace(std::move(*acceptor));
  log_.info("control.listening", {{"socket", options_.place.path}});
  return {};
}

Task<> ControlServer::run() {
  sessions_.spawn("control.accept", accept_all());
  std::exception_ptr stopped;
  try {
    co_await sessions_.join();
  } catch (...) {
    stopped = std::current_exception();
  }
  // Ours or a session's failure: either way nothing may be left that refers to us.
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  remove_place(*acceptor_, options_.place);
  sessions_.cancel();
  co_await sessions_.join();
  if (stopped) std::rethrow_exception(stopped);
}

Task<> ControlServer::accept_all() {
  asio::steady_timer pause(executor_);
  for (;;) {
    auto [ec, socket] = co_await acceptor_->async_accept(asio::as_tuple(asio::use_awaitable));
    if (ec == asio::error::operation_aborted) throw boost::system::system_error(ec);
    if (ec) {
      // Out of descriptors, mostly: what is connected goes on.
      log_.warning("control.accept_failed", {{"error", ec.message()}});
      pause.expires_after(pause_after_failure);
      co_await pause.async_wait(asio::use_awaitable);
    } else if (sessions_.size() >= options_.sessions_max + own_tasks) {
      turn_away(std::move(socket));
    } else {
      sessions_.spawn("control.session", serve_session(std::move(socket), control_, options_.limits));
    }
  }
}

// A word and no wait: a client that does not read it is not our concern.
void ControlServer::turn_away(asio::local::stream_protocol::socket socket) {
  boost::system::error_code ignored;
  socket.non_blocking(true, ignored);
  socket.write_some(asio::buffer(busy_text()), ignored);
  socket.shutdown(asio::local::stream_protocol::socket::shutdown_both, ignored);
}

}  // namespace offpeak
