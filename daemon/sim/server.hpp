// The HTTP server of offpeak-sim: accepts, and serves every connection in a coroutine of its own, until a
// signal or POST /_sim/shutdown ends it. I/O thread only.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <memory>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/task_group.hpp"
#include "base/wakeup.hpp"
#include "daemon/sim/options.hpp"
#include "daemon/sim/wire.hpp"
#include "sim/service.hpp"

namespace offpeak::sim {

class Server {
 public:
  // Listens at once. Throws boost::system::system_error where the address cannot be had, or a certificate not
  // be read.
  Server(boost::asio::any_io_executor executor, const Options& options);

  // http://127.0.0.1:PORT
  std::string url() const;
  // Returns when the program has to end and every connection is closed.
  Task<> run();

 private:
  Task<> accept(TaskGroup& group);
  Task<> serve(boost::asio::ip::tcp::socket socket);
  Task<> await_signal();

  boost::asio::any_io_executor executor_;
  SystemClock clock_;
  Wakeup stop_;
  Service service_;
  std::shared_ptr<boost::asio::ssl::context> tls_;  // shared by all connections
  boost::asio::signal_set signals_;                 // from the start on: a signal before run() is not lost
  boost::asio::ip::tcp::acceptor acceptor_;
};

}  // namespace offpeak::sim
