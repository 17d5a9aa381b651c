// The command line of offpeak-sim.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/faults.hpp"
#include "sim/settings.hpp"

namespace offpeak::sim {

struct Options {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;
  std::string tls_certificate, tls_key;  // PEM files
  Settings settings;
  std::vector<FaultRule> faults;
};

// Prints help or what is wrong where the program has nothing to do: then `exit_code` is set.
struct ParsedOptions {
  Options options;
  std::optional<int> exit_code;
};
ParsedOptions parse_options(int argc, char** argv);

}  // namespace offpeak::sim
