// The verb reconcile; registered with the verbs about batches.
#pragma once

#include "daemon/cli/cli.hpp"

namespace offpeak::cli {

void add_reconcile_verb(CLI::App& app, Cli& cli);

}  // namespace offpeak::cli
