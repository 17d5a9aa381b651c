// Host names become addresses. getaddrinfo cannot be interrupted, so it runs on a thread of its own that is
// left behind where it takes too long: a dead name server must not hold up the daemon's end. Called on the
// I/O thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/task.hpp"

namespace offpeak::http {

// Never empty on success. Throws operation_aborted where the task is canceled.
Task<Result<std::vector<boost::asio::ip::tcp::endpoint>>> resolve(boost::asio::any_io_executor executor,
                                                                  std::string host, std::string port, Duration timeout);

}  // namespace offpeak::http
