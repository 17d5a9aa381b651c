#include <malloc.h>

#include <exception>
#include <iostream>

#include "daemon/app.hpp"
#include "daemon/notify.hpp"
#include "daemon/options.hpp"
#include "daemon/out_of_memory.hpp"

namespace {

// Blocks of files and slices of rows go back to the system when they are freed. By itself glibc would raise the limit
// to the largest one seen and keep all of them in the heap of whichever thread used them, measured as 5 of 32 MiB.
constexpr int large_allocation_bytes = 128 * 1024;

}  // namespace

int main(int argc, char** argv) {
  using namespace offpeak;
  end_where_memory_ends();
  ::mallopt(M_MMAP_THRESHOLD, large_allocation_bytes);
  const auto parsed = parse_options(argc, argv, std::cout, std::cerr);
  if (const auto* status = std::get_if<int>(&parsed)) return *status;
  const auto& options = std::get<DaemonOptions>(parsed);
  try {
    if (options.verb == Verb::check_config) return check_config(options, std::cout, std::cerr);
    auto settings = settings_at_start(options, std::cerr);
    if (!settings) return exit_configuration;
    const auto log = make_log(settings->config.log.level);
    return run_daemon(options, std::move(*settings), *log);
  } catch (const std::exception& error) {
    // Not 78, after which the service manager would not try again: what failed here may pass.
    std::cerr << "offpeakd: " << error.what() << '\n';
    return exit_failed;
  }
}
