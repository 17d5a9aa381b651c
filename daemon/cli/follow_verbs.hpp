// The verbs of add_follow_verbs.
#pragma once

namespace CLI {
class App;
}

namespace offpeak::cli {

struct Cli;

void add_wait_verb(CLI::App& app, Cli& cli);
void add_watch_verb(CLI::App& app, Cli& cli);

}  // namespace offpeak::cli
