#include "daemon/sim/server.hpp"

#include <fmt/format.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <csignal>
#include <cstdio>

#include "daemon/sim/connection.hpp"

namespace offpeak::sim {

namespace {

using boost::asio::ip::tcp;

tcp::endpoint endpoint_of(const Options& options) {
  return {boost::asio::ip::make_address(options.host), options.port};
}

}  // namespace

Server::Server(boost::asio::any_io_executor executor, const Options& options)
    : executor_(executor),
      stop_(clock_, executor),
      service_(options.settings, options.faults),
      tls_(options.tls_certificate.empty() ? nullptr : load_tls(options.tls_certificate, options.tls_key)),
      signals_(executor, SIGINT, SIGTERM),
      acceptor_(executor, endpoint_of(options)) {}

std::string Server::url() const {
  const auto local = acceptor_.local_endpoint();
  const auto host = local.address().is_v6() ? "[" + local.address().to_string() + "]" : local.address().to_string();
  return fmt::format("{}://{}:{}", tls_ ? "https" : "http", host, local.port());
}

Task<> Server::run() {
  TaskGroup group(executor_);
  group.spawn("accept", accept(group));
  group.spawn("signals", await_signal());
  co_await stop_.wait();
  group.cancel();
  co_await group.join();
}

Task<> Server::accept(TaskGroup& group) {
  for (;;) {
    auto [ec, socket] = co_await acceptor_.async_accept(boost::asio::as_tuple(boost::asio::use_awaitable));
    if (!ec) {
      boost::system::error_code ignored;
      socket.set_option(tcp::no_delay(true), ignored);
      group.spawn("connection", serve(std::move(socket)));
    } else {
      // Out of file descriptors, say: those that are served will give some back.
      co_await sleep_for(clock_, Duration(10));
    }
  }
}

Task<> Server::serve(tcp::socket socket) {
  try {
    Connection connection(make_wire(std::move(socket), tls_), service_, clock_, stop_);
    co_await connection.serve();
  } catch (const boost::system::system_error&) {
    throw;  // cancellation
  } catch (const std::exception& error) {
    fmt::print(stderr, "offpeak-sim: a connection failed: {}\n", error.what());
  }
}

Task<> Server::await_signal() {
  auto [ec, number] = co_await signals_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
  if (!ec) stop_.notify();
}

}  // namespace offpeak::sim
