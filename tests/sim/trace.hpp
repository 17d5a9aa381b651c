// Trace: everything that happened in one run, in order, and its digest. Two runs of one seed have equal digests.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.hpp"

namespace offpeak::simtest {

class Trace {
 public:
  // `steady` is the time that never jumps; `to_stderr`: each line is printed when it is written.
  Trace(const Clock& steady, bool to_stderr) : clock_(steady), start_(steady.steady_now()), to_stderr_(to_stderr) {}

  template <class... Values>
  void add(fmt::format_string<Values...> format, Values&&... values) {
    add_line(fmt::format(format, std::forward<Values>(values)...));
  }
  void add_line(std::string_view text);

  std::uint64_t digest() const { return digest_; }
  std::uint64_t lines() const { return lines_; }
  // The last lines, as many as are kept.
  const std::string& text() const { return text_; }

 private:
  const Clock& clock_;
  SteadyTime start_;
  bool to_stderr_;
  std::string text_;
  std::uint64_t digest_ = 0xcbf29ce484222325;
  std::uint64_t lines_ = 0;
};

}  // namespace offpeak::simtest
