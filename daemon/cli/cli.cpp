#include "daemon/cli/cli.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <sstream>

#include "base/json.hpp"

namespace offpeak::cli {

namespace {

constexpr const char* default_socket = "/run/offpeak/offpeak.sock";

constexpr const char* footer =
    "ID is a job's number, our batch number as b12, or msgbatch_...\n"
    "Exit codes: 0 done; 1 error; 2 usage; 3 finished, but some requests did not succeed; 4 no such thing; 5 "
    "refused;\n"
    "6 held, needs a human; 7 wait timed out; 69 daemon not reachable.\n"
    "The daemon's socket is --socket PATH, or OFFPEAK_SOCKET, or /run/offpeak/offpeak.sock.";

int exit_code_for(int status) {
  switch (status) {
    case 400:
    case 415:
      return exit_usage;
    case 404:
      return exit_no_such_thing;
    case 409:
    case 422:
    case 503:
      return exit_refused;
    default:
      return exit_error;
  }
}

void add_all_verbs(CLI::App& app, Cli& cli) {
  add_submit_verbs(app, cli);
  add_job_verbs(app, cli);
  add_follow_verbs(app, cli);
  add_results_verbs(app, cli);
  add_rejected_verb(app, cli);
  add_batch_verbs(app, cli);
  add_service_verbs(app, cli);
  add_safety_verbs(app, cli);
}

// Help is data; a wrong argument is talk.
int end_of_parsing(CLI::App& app, Output& out, const CLI::ParseError& error) {
  std::ostringstream data;
  std::ostringstream talk;
  const int code = app.exit(error, data, talk);
  out.data(data.str());
  out.flush();
  auto text = talk.str();
  while (text.ends_with('\n')) text.pop_back();
  if (!text.empty()) out.talk(fmt::format("offpeak: {}", text));
  return code == 0 ? exit_done : exit_usage;
}

int parse_and_run(Cli& cli, std::vector<std::string> arguments) {
  CLI::App app("offpeak runs LLM requests that can wait, at the half-price batch rate.", "offpeak");
  app.set_version_flag("--version", "offpeak " OFFPEAK_VERSION);
  app.require_subcommand(1);
  app.footer(footer);
  app.add_option("--socket", cli.socket, "The daemon's socket")->group("");
  app.add_flag("--json", cli.json, "Print the socket's own objects")->group("");
  add_all_verbs(app, cli);
  try {
    std::ranges::reverse(arguments);  // CLI11 takes them from the back
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    return end_of_parsing(app, cli.out, error);
  }
  return cli.verb();
}

}  // namespace

int run_cli(std::vector<std::string> arguments, Streams streams, const Environment& environment) {
  Output out(streams, environment);
  const char* const named = environment("OFFPEAK_SOCKET");
  Cli cli{out, environment, named != nullptr && *named != '\0' ? named : default_socket, false, {}};
  try {
    const int code = parse_and_run(cli, std::move(arguments));
    out.flush();
    return code;
  } catch (const ReaderGone&) {
    return exit_done;
  } catch (const std::exception& error) {
    out.complain(error.what(), "");
    return exit_error;
  }
}

Answer ask(Cli& cli, std::string_view method, const std::string& target, std::string_view body) {
  Answer answer;
  auto reply = cli.http().call(method, target, body);
  if (!reply) {
    answer.failed = explain(cli, reply.error());
    return answer;
  }
  answer.reply = std::move(*reply);
  if (answer.reply.status >= 300) {
    answer.failed = explain(cli, answer.reply);
  } else if (!is_json_object(answer.reply.body)) {
    cli.out.complain(fmt::format("what listens at {} is no offpeak daemon", cli.socket), "see --socket");
    answer.failed = exit_unreachable;
  }
  return answer;
}

int explain(Cli& cli, const Error& error) {
  cli.out.flush();
  cli.out.complain(error.message, error.hint);
  return error.kind == ErrorKind::unavailable ? exit_unreachable : exit_error;
}

int explain(Cli& cli, const HttpReply& reply) {
  cli.out.flush();
  if (is_json_object(reply.body)) {
    const JsonView problem(reply.body);
    cli.out.complain(problem.text("detail"), problem.text("hint"));
  } else {
    cli.out.complain(fmt::format("the daemon answered with status {}", reply.status), "");
  }
  return exit_code_for(reply.status);
}

void print_json(Cli& cli, std::string_view object) {
  auto line = json_on_one_line(object);
  while (line.ends_with(' ')) line.pop_back();
  cli.out.data(line + '\n');
}

CLI::App* add_verb(CLI::App& app, Cli& cli, std::string name, std::string description) {
  auto* const verb = app.add_subcommand(std::move(name), std::move(description));
  verb->add_flag("--json", cli.json, "Print the socket's own objects: one, or JSON Lines for a list");
  verb->add_option("--socket", cli.socket, "The daemon's socket");
  return verb;
}

}  // namespace offpeak::cli
