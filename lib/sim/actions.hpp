// Reads one fault action of a script. The words are documented at script_format.
#pragma once

#include <string>
#include <string_view>

#include "sim/faults.hpp"

namespace offpeak::sim {

// `value`: an object, or a string that names an action without parameters. The first failure is kept in
// `error`.
Action read_action(std::string_view value, const std::string& where, std::string& error);

}  // namespace offpeak::sim
