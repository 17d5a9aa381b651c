// offpeak: the command-line client.
#include <csignal>
#include <cstdlib>

#include "daemon/cli/cli.hpp"

int main(int argc, char** argv) {
  // A reader that goes away (offpeak results 7 | head) shows as a failed write.
  std::signal(SIGPIPE, SIG_IGN);
  return offpeak::cli::run_cli({argv + 1, argv + argc}, {}, &std::getenv);
}
