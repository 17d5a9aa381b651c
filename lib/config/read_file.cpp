#include "config/read_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace offpeak {

Result<std::string> read_text_file(const std::string& path, std::size_t most_bytes) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return os_error("open", path, errno);
  std::string text;
  std::array<char, 16384> block{};
  for (;;) {
    const auto n = ::read(fd, block.data(), block.size());
    const int failure = n < 0 ? errno : 0;
    if (failure == EINTR) continue;
    if (failure == 0) text.append(block.data(), static_cast<std::size_t>(n));
    if (n > 0 && text.size() <= most_bytes) continue;
    ::close(fd);
    if (failure != 0) return os_error("read", path, failure);
    if (text.size() > most_bytes) {
      return make_error(ErrorKind::invalid, fmt::format("{} is longer than {} bytes", path, most_bytes));
    }
    return text;
  }
}

}  // namespace offpeak
