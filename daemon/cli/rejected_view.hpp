// Rejected files for people.
#pragma once

#include <string>

#include "daemon/cli/cli.hpp"

namespace offpeak::cli {

// One record: its name, when it was, and its errors as FILE:LINE:COLUMN: message. Pure.
std::string describe_rejected(const Output& out, const JsonView& record);

// offpeak show NAME: the newest rejected file of that name. Nothing where there is none.
std::optional<int> show_rejected(Cli& cli, const std::string& name);

}  // namespace offpeak::cli
