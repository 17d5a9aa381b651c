// audit, backup.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>
#include <memory>

#include "base/files.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "daemon/cli/cli.hpp"
#include "daemon/cli/human.hpp"
#include "daemon/cli/ids.hpp"

namespace offpeak::cli {

namespace {

struct AuditArguments {
  std::string id;
  bool deep = false;
};

std::string audit_text(const JsonView& report) {
  std::string text;
  const auto problems = report.texts("problems");
  for (const auto& problem : problems) text += escape_for_display(problem, 500) + '\n';
  const auto more = report.integer("problem_count") - static_cast<std::int64_t>(problems.size());
  if (more > 0) text += fmt::format("... and {} more\n", human_count(more));
  text += fmt::format("{}: {} requests = {} outcomes + {} waiting, {} batches{}\n", report.flag("ok") ? "ok" : "NOT OK",
                      human_count(report.integer("requests")), human_count(report.integer("outcomes")),
                      human_count(report.integer("waiting")), human_count(report.integer("batches")),
                      report.flag("deep") ? ", every byte compared" : "");
  return text;
}

int audit(Cli& cli, const AuditArguments& arguments) {
  std::string target = "/v1/audit";
  if (!arguments.id.empty()) {
    const auto id = parse_thing_id(arguments.id);
    if (!id || id->batch) {
      cli.out.complain(fmt::format("{} is no job", escape_for_display(arguments.id, 100)), "offpeak jobs lists them");
      return exit_no_such_thing;
    }
    target = fmt::format("/v1/jobs/{}/audit", id->text);
  }
  const auto answer = ask(cli, "GET", target + (arguments.deep ? "?deep=true" : ""));
  if (answer.failed) return *answer.failed;
  if (cli.json) {
    print_json(cli, answer.reply.body);
  } else {
    cli.out.data(audit_text(answer.json()));
  }
  return answer.json().flag("ok") ? exit_done : exit_error;
}

// The file until it is complete; removed again unless keep() was called.
class PartFile {
 public:
  explicit PartFile(std::string path)
      : path_(std::move(path)), fd_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) {}
  ~PartFile() {
    if (fd_ < 0) return;
    ::close(fd_);
    if (!kept_) ::unlink(path_.c_str());
  }
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  bool is_open() const { return fd_ >= 0; }
  std::uint64_t bytes() const { return bytes_; }

  void write(std::string_view block) {
    while (!block.empty()) {
      const auto n = ::write(fd_, block.data(), block.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) throw std::runtime_error(fmt::format("{}: {}", path_, std::strerror(errno)));
      bytes_ += static_cast<std::uint64_t>(n);
      block.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  void sync() {
    if (::fsync(fd_) != 0) throw std::runtime_error(fmt::format("{}: {}", path_, std::strerror(errno)));
  }
  void keep() { kept_ = true; }

 private:
  std::string path_;
  int fd_;
  std::uint64_t bytes_ = 0;
  bool kept_ = false;
};

int refuse_existing(Cli& cli, const std::string& path) {
  cli.out.complain(fmt::format("{} exists already; a backup overwrites nothing", escape_for_display(path, 400)),
                   "name another file, or move that one away");
  return exit_refused;
}

int backup(Cli& cli, const std::string& path) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) == 0) return refuse_existing(cli, path);
  const auto part_path = path + ".part";
  PartFile part(part_path);
  if (!part.is_open()) {
    if (errno == EEXIST) return refuse_existing(cli, part_path);
    cli.out.complain(fmt::format("{}: {}", escape_for_display(part_path, 400), std::strerror(errno)), "");
    return exit_error;
  }
  const auto take = [&part](std::string_view block) { part.write(block); };
  const auto reply = cli.http().download("/v1/backup", take);
  if (!reply) return explain(cli, reply.error());
  if (reply->status != 200) return explain(cli, *reply);
  part.sync();
  SystemFiles files;
  if (auto moved = files.move_new(part_path, path); !moved) {
    if (moved.error().os_error == EEXIST) return refuse_existing(cli, path);
    return explain(cli, moved.error());
  }
  part.keep();
  if (cli.json) {
    print_json(cli, fmt::format(R"({{"file":{},"bytes":{}}})", json_quote(path), part.bytes()));
  } else {
    cli.out.talk(fmt::format("{}: {}, checked.", escape_for_display(path, 400),
                             human_bytes(static_cast<std::int64_t>(part.bytes()))));
  }
  return exit_done;
}

}  // namespace

void add_safety_verbs(CLI::App& app, Cli& cli) {
  auto* const audits = add_verb(app, cli, "audit", "Prove that inputs = outcomes, of a job or of everything");
  auto arguments = std::make_shared<AuditArguments>();
  audits->add_option("ID", arguments->id, "A job's number; without it, everything");
  audits->add_flag("--deep", arguments->deep, "Compare every byte of requests and results with its checksum too");
  audits->callback([&cli, arguments] { cli.verb = [&cli, arguments] { return audit(cli, *arguments); }; });

  auto* const backups = add_verb(app, cli, "backup", "Save the daemon's database to a new file, while it works");
  auto path = std::make_shared<std::string>();
  backups->add_option("FILE", *path, "Where to; never overwritten")->required();
  backups->callback([&cli, path] { cli.verb = [&cli, path] { return backup(cli, *path); }; });
}

}  // namespace offpeak::cli
