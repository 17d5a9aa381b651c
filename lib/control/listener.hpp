// The Unix socket's place in the file system: bound, with its mode and group, before anybody can connect.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <string>

#include "base/result.hpp"

namespace offpeak {

using LocalAcceptor = boost::asio::local::stream_protocol::acceptor;

struct SocketPlace {
  std::string path;               // 107 bytes at most: the system's limit
  std::string group = "offpeak";  // who may control beside us; left alone where it does not exist
  unsigned mode = 0660;
};

// Listens at `place.path`. A socket there that nobody answers is stale and is removed; one that answers is another
// daemon's (ErrorKind::refused); anything that is no socket is left alone (ErrorKind::refused).
Result<LocalAcceptor> listen_at(boost::asio::any_io_executor executor, const SocketPlace& place);

// Removes the path where it is still the socket that `acceptor` listens on.
void remove_place(LocalAcceptor& acceptor, const SocketPlace& place);

}  // namespace offpeak
