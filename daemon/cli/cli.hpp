// The command line of `offpeak`: verbs that speak to the daemon's socket. daemon/offpeak.cpp calls run_cli; the
// verbs stand one family a file and register themselves with add_*_verbs.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "daemon/cli/exit_code.hpp"
#include "daemon/cli/json_view.hpp"
#include "daemon/cli/output.hpp"
#include "daemon/cli/unix_http.hpp"

namespace CLI {
class App;
}

namespace offpeak::cli {

struct Cli {
  Output& out;
  const Environment& environment;
  std::string socket;
  bool json = false;
  std::function<int()> verb;  // what the arguments asked for

  UnixHttp http() const { return UnixHttp(socket); }
};

// A reply that is a JSON object of status 2xx; else the exit code, and the user was told.
struct Answer {
  std::optional<int> failed;
  HttpReply reply;
  JsonView json() const { return JsonView(reply.body); }
};
Answer ask(Cli& cli, std::string_view method, const std::string& target, std::string_view body = {});
// Tells what the daemon refused, or that it cannot be reached.
int explain(Cli& cli, const Error& error);
int explain(Cli& cli, const HttpReply& reply);

// One object as --json prints it: on one line.
void print_json(Cli& cli, std::string_view object);

// A verb that takes --json and --socket, as all do.
CLI::App* add_verb(CLI::App& app, Cli& cli, std::string name, std::string description);

void add_submit_verbs(CLI::App& app, Cli& cli);   // submit, check
void add_job_verbs(CLI::App& app, Cli& cli);      // jobs, show, cancel, hold, release
void add_follow_verbs(CLI::App& app, Cli& cli);   // watch, wait
void add_results_verbs(CLI::App& app, Cli& cli);  // results
void add_rejected_verb(CLI::App& app, Cli& cli);  // rejected
void add_batch_verbs(CLI::App& app, Cli& cli);    // batches, reconcile
void add_service_verbs(CLI::App& app, Cli& cli);  // status, pause, resume
void add_safety_verbs(CLI::App& app, Cli& cli);   // audit, backup

// `arguments` without the program's name.
int run_cli(std::vector<std::string> arguments, Streams streams, const Environment& environment);

}  // namespace offpeak::cli
