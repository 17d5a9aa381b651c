// ControlServer: accepts connections at the Unix socket and runs one session coroutine each, a bounded number of
// them. I/O thread. Used by the app: listen() after recovery and before any call to the provider, then run() in a
// task group.
#pragma once

#include <cstddef>
#include <optional>

#include "base/task_group.hpp"
#include "control/control.hpp"
#include "control/listener.hpp"
#include "control/session.hpp"

namespace offpeak {

struct ControlServerOptions {
  SocketPlace place;
  SessionLimits limits;
  std::size_t sessions_max = 256;  // one more gets a 503
};

class ControlServer {
 public:
  // `control` and `log` outlive the server; the server outlives its run().
  ControlServer(boost::asio::any_io_executor executor, Control& control, Log& log, ControlServerOptions options);
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  // From here on clients can connect; they are answered once run() runs.
  Result<void> listen();
  // Until the task is canceled; then every session is cut and the socket's path removed. Throws what a session had
  // to give up with: the database is broken.
  Task<> run();

 private:
  Task<> accept_all();
  void turn_away(boost::asio::local::stream_protocol::socket socket);

  boost::asio::any_io_executor executor_;
  Control& control_;
  Log& log_;
  ControlServerOptions options_;
  std::optional<LocalAcceptor> acceptor_;
  TaskGroup sessions_;
};

}  // namespace offpeak
