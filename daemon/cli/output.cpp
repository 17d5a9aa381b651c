#include "daemon/cli/output.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <limits>

#include "base/text.hpp"

namespace offpeak::cli {

namespace {

constexpr std::size_t buffer_bytes = 64 * 1024;
constexpr std::size_t usual_width = 80;
constexpr std::size_t usual_height = 24;

// 0, or errno.
int write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return 0;
}

bool is_set(const char* value) { return value != nullptr && *value != '\0'; }

}  // namespace

Output::Output(Streams streams, const Environment& environment) : streams_(streams) {
  const char* const term = environment("TERM");
  live_ = ::isatty(streams_.out) == 1 && is_set(term) && std::string_view(term) != "dumb";
  color_ = live_ && !is_set(environment("NO_COLOR"));
}

void Output::data(std::string_view text) {
  buffer_ += text;
  if (buffer_.size() >= buffer_bytes) flush();
}

void Output::flush() {
  const auto text = std::exchange(buffer_, {});
  const int failed = write_all(streams_.out, text);
  if (failed == EPIPE) throw ReaderGone("the reader of stdout has gone");
  if (failed != 0) throw std::runtime_error(fmt::format("cannot write to stdout: {}", std::strerror(failed)));
}

void Output::talk(std::string_view text) { write_all(streams_.err, fmt::format("{}\n", text)); }

void Output::complain(std::string_view message, std::string_view hint) {
  talk(fmt::format("offpeak: {}", escape_for_display(message, 2000)));
  if (!hint.empty()) talk(fmt::format("  hint: {}", escape_for_display(hint, 1000)));
}

std::size_t Output::width() const {
  winsize size{};
  if (::ioctl(streams_.out, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return usual_width;
  return size.ws_col;
}

std::size_t Output::height() const {
  winsize size{};
  if (::ioctl(streams_.out, TIOCGWINSZ, &size) != 0 || size.ws_row == 0) return usual_height;
  return size.ws_row;
}

std::size_t Output::line_width() const { return live_ ? width() : std::numeric_limits<std::size_t>::max(); }

std::string Output::paint(std::string_view code, std::string_view text) const {
  return color_ ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
}

}  // namespace offpeak::cli
