#include "control/listener.hpp"

#include <fmt/format.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>

#include "base/text.hpp"

namespace offpeak {

namespace {

using boost::asio::local::stream_protocol;

std::string shown(const std::string& path) { return escape_for_display(path, 200); }

Result<void> check_path(const std::string& path) {
  constexpr std::size_t most = sizeof(sockaddr_un::sun_path) - 1;
  if (path.empty() || path.size() > most) {
    return make_error(
        ErrorKind::invalid,
        fmt::format("the socket path {} is {} bytes long; the system takes 1 to {}", shown(path), path.size(), most),
        "set paths.socket to a shorter path, or use a shorter --root");
  }
  return {};
}

// Success: nobody listens there and the path is free.
Result<void> clear_path(const boost::asio::any_io_executor& executor, const std::string& path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return {};
    return os_error("look at", path, errno);
  }
  if (!S_ISSOCK(status.st_mode)) {
    return make_error(ErrorKind::refused, fmt::format("{} exists and is no socket", shown(path)),
                      "move it away, or set paths.socket to another path");
  }
  stream_protocol::socket probe(executor);
  boost::system::error_code ec;
  probe.connect(stream_protocol::endpoint(path), ec);
  if (!ec) {
    return make_error(ErrorKind::refused, fmt::format("another daemon listens at {}", shown(path)),
                      "stop it first, or set paths.socket to another path");
  }
  if (ec != boost::asio::error::connection_refused && ec.value() != ENOENT) {
    return os_error("connect to", path, ec.value());
  }
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return os_error("remove the stale socket", path, errno);
  return {};
}

// Nobody can connect before listen(), so mode and group are in force for every connection.
Result<void> set_rights(const SocketPlace& place) {
  const struct group* entry = place.group.empty() ? nullptr : ::getgrnam(place.group.c_str());
  // EPERM: run by a user who is not in the group, for trying and testing.
  if (entry != nullptr && ::lchown(place.path.c_str(), static_cast<uid_t>(-1), entry->gr_gid) != 0 && errno != EPERM) {
    return os_error("set the group of", place.path, errno);
  }
  if (::chmod(place.path.c_str(), place.mode) != 0) return os_error("set the mode of", place.path, errno);
  return {};
}

}  // namespace

Result<LocalAcceptor> listen_at(boost::asio::any_io_executor executor, const SocketPlace& place) {
  if (auto good = check_path(place.path); !good) return good.error();
  if (auto free = clear_path(executor, place.path); !free) return free.error();
  LocalAcceptor acceptor(executor);
  boost::system::error_code ec;
  acceptor.open(stream_protocol(), ec);
  if (ec) return os_error("make the socket", place.path, ec.value());
  const auto old_mask = ::umask(0777 & ~place.mode);
  acceptor.bind(stream_protocol::endpoint(place.path), ec);
  ::umask(old_mask);
  if (ec) return os_error("bind the socket", place.path, ec.value());
  if (auto set = set_rights(place); !set) return set.error();
  acceptor.listen(boost::asio::socket_base::max_listen_connections, ec);
  if (ec) return os_error("listen at", place.path, ec.value());
  return acceptor;
}

void remove_place(LocalAcceptor& acceptor, const SocketPlace& place) {
  // A successor may already have put its own socket there; it answers, a closed one does not.
  boost::system::error_code ec;
  acceptor.close(ec);
  stream_protocol::socket probe(acceptor.get_executor());
  probe.connect(stream_protocol::endpoint(place.path), ec);
  if (ec == boost::asio::error::connection_refused) ::unlink(place.path.c_str());
}

}  // namespace offpeak
