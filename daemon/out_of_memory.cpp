#include "daemon/out_of_memory.hpp"

#include <unistd.h>

#include <cstdlib>
#include <new>
#include <string_view>

namespace offpeak {

namespace {

// Allocates nothing, so it goes past the log.
[[noreturn]] void end_without_memory() {
  constexpr std::string_view text = "offpeakd: out of memory; a restart recovers\n";
  static_cast<void>(::write(STDERR_FILENO, text.data(), text.size()) < 0);
  std::abort();
}

}  // namespace

void end_where_memory_ends() { std::set_new_handler(end_without_memory); }

}  // namespace offpeak
