#include "daemon/cli/check.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <map>

#include "base/files.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "daemon/cli/human.hpp"
#include "ingest/check_file.hpp"
#include "ingest/error_report.hpp"
#include "pack/plan.hpp"

namespace offpeak::cli {

namespace {

constexpr std::size_t copied_bytes = 256 * 1024;
// Of English text; for an estimate only.
constexpr double bytes_per_token = 4;

// A folder of our own for what does not fit memory; gone at the end.
class Scratch {
 public:
  Scratch(Files& files, const Environment& environment) : files_(files) {
    const char* const folder = environment("TMPDIR");
    path_ = join_path(folder != nullptr && *folder != '\0' ? folder : "/tmp", "offpeak-check-XXXXXX");
    if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error("cannot make a folder " + path_);
  }
  ~Scratch() {
    // Best effort: it is in the folder for temporary files.
    static_cast<void>(files_.remove_tree(path_));
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const std::string& path() const { return path_; }

 private:
  Files& files_;
  std::string path_;
};

// What the good requests of the file ask for.
struct Wanted {
  std::vector<std::uint32_t> sent_bytes;
  std::uint64_t params_bytes = 0;
  std::int64_t max_output_tokens = 0;
  std::map<std::string, std::int64_t> models;

  void add(const LineEntry& entry, std::string_view params) {
    sent_bytes.push_back(entry.sent_params_bytes);
    params_bytes += entry.sent_params_bytes;
    if (const auto most = json_member(params, "max_tokens")) max_output_tokens += json_integer(*most).value_or(0);
    if (const auto model = json_member(params, "model"); model && json_kind(*model) == JsonKind::string) {
      ++models[json_decode_string(*model)];
    }
  }
};

class WantedSizes final : public Sizes {
 public:
  explicit WantedSizes(const Wanted& wanted) : wanted_(wanted) {}
  std::uint32_t sent_params_bytes(JobId, Seq seq) override { return wanted_.sent_bytes.at(seq); }

 private:
  const Wanted& wanted_;
};

struct PlannedBatch {
  std::uint32_t requests = 0;
  std::uint64_t bytes = 0;
};

// As the pack stage would, with the shipped limits and an empty queue.
std::vector<PlannedBatch> plan_all(const Wanted& wanted) {
  const BatchConfig config;
  WantedSizes sizes(wanted);
  PackLimits limits;
  limits.requests = config.max_requests;
  limits.bytes = config.max_bytes;
  std::vector<PlannedBatch> batches;
  const auto total = static_cast<Seq>(wanted.sent_bytes.size());
  for (Seq first = 0; first < total;) {
    PendingRange rest;
    rest.range = RequestRange{JobId{1}, first, total - first};
    PackJob job;
    job.job = JobId{1};
    job.pending.push_back(rest);
    const auto plan = plan_batch({job}, limits, sizes);
    if (plan.empty()) break;
    batches.push_back({plan.requests, plan.bytes});
    first += plan.requests;
  }
  return batches;
}

// Standard input as a file, so that it can be read twice.
Result<void> copy_input(Files& files, int fd, const std::string& path) {
  auto file = files.open(path, OpenFor::writing_new);
  if (!file) return file.error();
  std::string block(copied_bytes, '\0');
  for (;;) {
    const auto n = ::read(fd, block.data(), block.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return os_error("read", "standard input", errno);
    if (n == 0) return {};
    if (auto written = (*file)->append(std::string_view(block).substr(0, static_cast<std::size_t>(n))); !written) {
      return written;
    }
  }
}

std::string plan_json(const std::vector<PlannedBatch>& plan) {
  std::string text = "[";
  for (const auto& batch : plan) {
    text += fmt::format(R"({}{{"requests":{},"bytes":{}}})", text.size() == 1 ? "" : ",", batch.requests, batch.bytes);
  }
  return text + ']';
}

std::string estimate_json(const Wanted& wanted) {
  std::string models;
  for (const auto& [model, count] : wanted.models) {
    models += fmt::format("{}{}:{}", models.empty() ? "" : ",", json_quote(model), count);
  }
  return fmt::format(R"({{"input_bytes":{},"input_tokens":{:.0f},"output_tokens_max":{},"models":{{{}}}}})",
                     wanted.params_bytes, static_cast<double>(wanted.params_bytes) / bytes_per_token,
                     wanted.max_output_tokens, models);
}

std::string report_json(const std::string& file, const CheckReport& report, const Wanted& wanted,
                        const std::vector<PlannedBatch>& plan) {
  std::string errors;
  for (const auto& error : report.errors) errors += (errors.empty() ? "" : ",") + to_json(error);
  return fmt::format(R"({{"file":{},"ok":{},"requests":{},"skipped":{},"error_count":{},"errors":[{}],"plan":{},)"
                     R"("estimate":{}}})",
                     json_quote(file), !report.rejected, report.requests, report.skipped, report.error_count, errors,
                     plan_json(plan), estimate_json(wanted));
}

void tell_report(Cli& cli, const std::string& file, const CheckReport& report, const Wanted& wanted,
                 const std::vector<PlannedBatch>& plan) {
  const auto name = escape_for_display(file, 200);
  for (const auto& error : report.errors) cli.out.talk(error_line(JsonView(to_json(error))));
  if (report.error_count > report.errors.size()) cli.out.talk(fmt::format("  {} errors in all", report.error_count));
  if (report.rejected) {
    cli.out.talk(fmt::format("{}: would be rejected; nothing of it would be queued", name));
    return;
  }
  std::uint64_t bytes = 0;
  for (const auto& batch : plan) bytes += batch.bytes;
  cli.out.data(fmt::format("{}: good, {} requests, {} {}, {}\n", name,
                           human_count(static_cast<std::int64_t>(report.requests)), plan.size(),
                           plan.size() == 1 ? "batch" : "batches", human_bytes(static_cast<std::int64_t>(bytes))));
  cli.out.data(
      fmt::format("  Input   about {} tokens\n",
                  human_count(static_cast<std::int64_t>(static_cast<double>(wanted.params_bytes) / bytes_per_token))));
  cli.out.data(fmt::format("  Output  at most {} tokens\n", human_count(wanted.max_output_tokens)));
  for (const auto& [model, count] : wanted.models) {
    cli.out.data(fmt::format("  Model   {}: {}\n", escape_for_display(model, 100), human_count(count)));
  }
}

// The name that says what the bytes are, whatever the file is called.
std::string name_for(const std::string& file, const std::string& format) {
  if (!format.empty()) return "job." + format;
  return file == "-" ? "stdin.jsonl" : file.substr(file.rfind('/') + 1);
}

}  // namespace

int check(Cli& cli, const std::string& file, const std::string& format) {
  SystemFiles files;
  const Scratch scratch(files, cli.environment);
  auto path = file;
  if (file == "-") {
    path = join_path(scratch.path(), "stdin");
    if (const auto copied = copy_input(files, cli.out.streams().in, path); !copied) return explain(cli, copied.error());
  }
  Wanted wanted;
  const auto visit = [&wanted](const LineEntry& entry, std::string_view params) { wanted.add(entry, params); };
  const auto report = check_file(files, path, name_for(file, format), scratch.path(), CheckSettings(), visit);
  if (!report) return explain(cli, report.error());
  std::vector<PlannedBatch> plan;
  if (!report->rejected) plan = plan_all(wanted);
  if (cli.json) {
    print_json(cli, report_json(file, *report, wanted, plan));
  } else {
    tell_report(cli, file, *report, wanted, plan);
  }
  return report->rejected ? exit_error : exit_done;
}

std::string error_line(const JsonView& error) {
  std::string text = "  ";
  if (const auto line = error.integer("line"); line != 0) {
    text += fmt::format("line {}", line);
    if (const auto column = error.integer("column"); column != 0) text += fmt::format(", column {}", column);
    text += ": ";
  }
  text += escape_for_display(error.text("message"), 500);
  if (const auto hint = error.text("hint"); !hint.empty()) {
    text += fmt::format(" (hint: {})", escape_for_display(hint, 500));
  }
  return text;
}

}  // namespace offpeak::cli
