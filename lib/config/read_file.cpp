#include "config/read_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace offpeak {

namespace {

// The machine's trouble, not the file's.
bool may_pass(int error) {
  switch (error) {
    case EIO:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EINTR:
    case ENOSPC:
    case ESTALE:
    case ETIMEDOUT:
      return true;
    default:
      return false;
  }
}

Error failed(std::string_view doing, const std::string& path, int error) {
  if (may_pass(error)) {
    throw std::system_error(error, std::generic_category(), fmt::format("cannot {} {}", doing, path));
  }
  return os_error(doing, path, error);
}

}  // namespace

Result<std::string> read_text_file(const std::string& path, std::size_t most_bytes) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return failed("open", path, errno);
  std::string text;
  std::array<char, 16384> block{};
  for (;;) {
    const auto n = ::read(fd, block.data(), block.size());
    const int failure = n < 0 ? errno : 0;
    if (failure == EINTR) continue;
    if (failure == 0) text.append(block.data(), static_cast<std::size_t>(n));
    if (n > 0 && text.size() <= most_bytes) continue;
    ::close(fd);
    if (failure != 0) return failed("read", path, failure);
    if (text.size() > most_bytes) {
      return make_error(ErrorKind::invalid, fmt::format("{} is longer than {} bytes", path, most_bytes));
    }
    return text;
  }
}

}  // namespace offpeak
