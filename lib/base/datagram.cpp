#include "base/datagram.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

namespace offpeak {

DatagramSocket::DatagramSocket() : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {}

DatagramSocket::~DatagramSocket() {
  if (fd_ >= 0) ::close(fd_);
}

bool DatagramSocket::send(std::string_view to, std::string_view bytes) const {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  // A path ends with a zero byte, an abstract address begins with one.
  if (to.size() < 2 || to.size() >= sizeof address.sun_path) return false;
  to.copy(address.sun_path, to.size());
  std::size_t length = offsetof(sockaddr_un, sun_path) + to.size();
  if (to.front() == '@') {
    address.sun_path[0] = '\0';
  } else {
    ++length;
  }
  for (;;) {
    const auto sent = ::sendto(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL, reinterpret_cast<sockaddr*>(&address),
                               static_cast<socklen_t>(length));
    if (sent >= 0 || errno != EINTR) return sent >= 0;
  }
}

}  // namespace offpeak
