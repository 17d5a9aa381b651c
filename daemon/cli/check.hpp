// check, submit --dry-run: what the daemon would say to a job file and how it would be packed, without the daemon.
#pragma once

#include <string>

#include "daemon/cli/cli.hpp"

namespace offpeak::cli {

// `file` may be "-"; `format` is "jsonl", "json" or empty: as the name says. exit_error for a bad file.
int check(Cli& cli, const std::string& file, const std::string& format);

// "  line 3, column 14: ..." of an error document's entry.
std::string error_line(const JsonView& error);

}  // namespace offpeak::cli
