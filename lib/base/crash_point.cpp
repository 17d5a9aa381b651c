#include "base/crash_point.hpp"

#include <csignal>
#include <cstdlib>
#include <string>

namespace offpeak {

namespace {

struct Wanted {
  std::string marker;
  int passing = 1;
  int signal = SIGKILL;
};

Wanted read_wanted() {
  Wanted wanted;
  if (const char* text = std::getenv("OFFPEAK_CRASH_AT")) wanted.marker = text;
  if (const auto colon = wanted.marker.find(':'); colon != std::string::npos) {
    wanted.passing = std::atoi(wanted.marker.c_str() + colon + 1);
    if (wanted.marker.ends_with(":term")) wanted.signal = SIGTERM;
    if (wanted.marker.ends_with(":stop")) wanted.signal = SIGSTOP;
    wanted.marker.resize(colon);
  }
  return wanted;
}

}  // namespace

void crash_point(std::string_view marker) {
  static const Wanted wanted = read_wanted();
  if (wanted.marker.empty() || wanted.marker != marker) return;
  static int passed = 0;
  if (++passed == wanted.passing) ::raise(wanted.signal);
}

}  // namespace offpeak
