// The daemon's status for people. Pure.
#pragma once

#include <string>

#include "daemon/cli/json_view.hpp"
#include "daemon/cli/output.hpp"

namespace offpeak::cli {

std::string describe_status(const Output& out, const JsonView& status);

}  // namespace offpeak::cli
