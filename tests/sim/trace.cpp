#include "sim/trace.hpp"

namespace offpeak::simtest {

namespace {

constexpr std::size_t kept_bytes = 4'000'000;

}  // namespace

void Trace::add_line(std::string_view text) {
  const auto millis = std::chrono::duration_cast<Duration>(clock_.steady_now() - start_).count();
  const auto line = fmt::format("{}d {:02}:{:02}:{:02}.{:03} {}\n", millis / 86'400'000, millis / 3'600'000 % 24,
                                millis / 60'000 % 60, millis / 1000 % 60, millis % 1000, text);
  for (const char c : line) digest_ = (digest_ ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  ++lines_;
  if (to_stderr_) std::fwrite(line.data(), 1, line.size(), stderr);
  if (text_.size() > kept_bytes) text_.erase(0, kept_bytes / 2);
  text_ += line;
}

}  // namespace offpeak::simtest
