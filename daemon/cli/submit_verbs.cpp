// submit, check.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <memory>

#include "base/text.hpp"
#include "daemon/cli/check.hpp"
#include "daemon/cli/cli.hpp"
#include "daemon/cli/follow.hpp"

namespace offpeak::cli {

namespace {

constexpr std::size_t block_bytes = 256 * 1024;
constexpr std::size_t file_name_bytes_max = 200;
constexpr std::size_t told_errors_max = 20;

struct SubmitArguments {
  std::string file;
  std::string name;
  std::string format;
  std::optional<std::int64_t> priority;
  bool hold = false;
  bool again = false;
  bool wait = false;
  bool dry_run = false;
};

// A file, or standard input.
class Input {
 public:
  explicit Input(int fd) : fd_(fd), block_(block_bytes, '\0') {}
  ~Input() {
    if (owned_) ::close(fd_);
  }
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  Result<void> open(const std::string& path) {
    fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd_ < 0) return os_error("open", path, errno);
    owned_ = true;
    return {};
  }

  Result<std::string_view> next_block() {
    for (;;) {
      const auto n = ::read(fd_, block_.data(), block_.size());
      if (n >= 0) return std::string_view(block_).substr(0, static_cast<std::size_t>(n));
      if (errno != EINTR) return os_error("read", "the job file", errno);
    }
  }

 private:
  int fd_;
  bool owned_ = false;
  std::string block_;
};

// The last part of the path, as the daemon takes it: its suffixes say what the bytes are.
std::string file_query(const std::string& path) {
  auto name = path.substr(path.rfind('/') + 1);
  if (escape_for_display(name, file_name_bytes_max) != name) name = safe_file_name(name, file_name_bytes_max);
  return "&file=" + percent_encode(name);
}

std::string submit_target(const SubmitArguments& arguments) {
  std::string target = "/v1/jobs?";
  target += arguments.again ? "again=true" : "again=false";
  if (arguments.file != "-") target += file_query(arguments.file);
  if (!arguments.name.empty()) target += "&name=" + percent_encode(arguments.name);
  if (!arguments.format.empty()) target += "&format=" + arguments.format;
  if (arguments.priority) target += fmt::format("&priority={}", *arguments.priority);
  if (arguments.hold) target += "&hold=true";
  return target;
}

void tell_errors(Cli& cli, const JsonView& document) {
  const auto errors = document.array("errors");
  for (std::size_t i = 0; i < errors.size() && i < told_errors_max; ++i) {
    cli.out.talk(error_line(errors[i]));
  }
  const auto count = static_cast<std::size_t>(document.integer("error_count"));
  if (count > std::min(errors.size(), told_errors_max)) {
    cli.out.talk(fmt::format("  {} errors in all; offpeak check --json FILE lists more", count));
  }
}

int refused(Cli& cli, const HttpReply& reply) {
  const int code = explain(cli, reply);
  if (!is_json_object(reply.body) || reply.status != 422) return code;
  if (cli.json) {
    print_json(cli, reply.body);
  } else {
    tell_errors(cli, JsonView(reply.body));
  }
  return code;
}

int submit(Cli& cli, const SubmitArguments& arguments) {
  if (arguments.dry_run) return check(cli, arguments.file, arguments.format);
  Input input(cli.out.streams().in);
  if (arguments.file != "-") {
    if (const auto opened = input.open(arguments.file); !opened) return explain(cli, opened.error());
  }
  const auto reply = cli.http().upload(submit_target(arguments), [&input] { return input.next_block(); });
  if (!reply) return explain(cli, reply.error());
  if (reply->status != 201 || !is_json_object(reply->body)) return refused(cli, *reply);
  const auto id = std::to_string(JsonView(reply->body).integer("id"));
  if (cli.json && !arguments.wait) {
    print_json(cli, reply->body);
  } else if (!cli.json) {
    cli.out.data(id + '\n');
  }
  cli.out.flush();
  return arguments.wait ? wait_for_jobs(cli, {id}, std::nullopt) : exit_done;
}

}  // namespace

void add_submit_verbs(CLI::App& app, Cli& cli) {
  auto* const verb = add_verb(app, cli, "submit", "Queue a job file and print the job's number");
  auto arguments = std::make_shared<SubmitArguments>();
  verb->add_option("FILE", arguments->file, "A job file (.jsonl, .ndjson, .json; .gz or .zst), or - for standard input")
      ->required();
  verb->add_option("--name", arguments->name, "Name the job");
  verb->add_option("--priority", arguments->priority, "A whole number; the higher goes first");
  verb->add_option("--format", arguments->format, "jsonl or json, where the name does not say it")
      ->check(CLI::IsMember({"jsonl", "json"}));
  verb->add_flag("--hold", arguments->hold, "Queue it held: offpeak release lets it go");
  verb->add_flag("--again", arguments->again, "Even if the same content was a job before");
  verb->add_flag("--wait", arguments->wait, "Wait until it is over");
  verb->add_flag("--dry-run", arguments->dry_run, "Check it only: no daemon, nothing spent");
  verb->callback([&cli, arguments] { cli.verb = [&cli, arguments] { return submit(cli, *arguments); }; });

  auto* const dry =
      add_verb(app, cli, "check", "Check a job file and show what would be sent: no daemon, nothing spent");
  auto file = std::make_shared<std::string>();
  auto format = std::make_shared<std::string>();
  dry->add_option("FILE", *file, "A job file, or - for standard input")->required();
  dry->add_option("--format", *format, "jsonl or json, where the name does not say it")
      ->check(CLI::IsMember({"jsonl", "json"}));
  dry->callback([&cli, file, format] { cli.verb = [&cli, file, format] { return check(cli, *file, *format); }; });
}

}  // namespace offpeak::cli
