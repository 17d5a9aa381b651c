// watch.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <csignal>
#include <ctime>
#include <map>
#include <memory>

#include "base/text.hpp"
#include "daemon/cli/cli.hpp"
#include "daemon/cli/follow_verbs.hpp"
#include "daemon/cli/human.hpp"
#include "daemon/cli/ids.hpp"
#include "daemon/cli/pages.hpp"
#include "daemon/cli/progress.hpp"
#include "daemon/cli/table.hpp"

namespace offpeak::cli {

namespace {

constexpr std::array<const char*, 4> open_states{"running", "queued", "held", "canceling"};
constexpr std::int64_t shown_jobs_max = 20;  // of each state

volatile std::sig_atomic_t interrupted = 0;

extern "C" void note_interrupt(int) { interrupted = 1; }

// Ctrl-C ends the watching with the screen in order; the old behaviour comes back at the end.
class InterruptGuard {
 public:
  InterruptGuard() {
    interrupted = 0;
    struct sigaction action{};
    action.sa_handler = note_interrupt;
    ::sigaction(SIGINT, &action, &old_);
  }
  ~InterruptGuard() { ::sigaction(SIGINT, &old_, nullptr); }
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

 private:
  struct sigaction old_{};
};

// False where it was interrupted.
bool pause_for(Duration duration) {
  timespec wait{duration.count() / 1000, static_cast<long>(duration.count() % 1000) * 1'000'000};
  return ::nanosleep(&wait, nullptr) == 0 && interrupted == 0;
}

struct Seen {
  JobView job;
  std::string json;
};

// Everything about a job that a line shows; a change of it is a new line.
std::string fingerprint(const JobView& job) {
  return fmt::format("{} {} {}", job.state, job.reason, fmt::join(job.counts.by_state, ","));
}

class Watch {
 public:
  Watch(Cli& cli, std::optional<std::int64_t> only) : cli_(cli), only_(only) {}

  int run(Duration interval) {
    const InterruptGuard guard;
    for (;;) {
      if (const auto failed = look()) return *failed;
      show();
      if (only_ && jobs_.at(*only_).job.is_over()) return exit_done;
      if (!pause_for(interval)) return exit_interrupted;
    }
  }

 private:
  std::optional<int> look() {
    if (only_) return look_at(*only_);
    std::map<std::int64_t, Seen> open;
    const auto add = [&open](const JsonView& item) {
      open[item.integer("id")] = Seen{parse_job(item), std::string(item.raw())};
    };
    for (const auto* state : open_states) {
      if (const auto failed = for_each_item(cli_, "/v1/jobs", fmt::format("&state={}", state), shown_jobs_max, add)) {
        return failed;
      }
    }
    auto before = std::exchange(jobs_, std::move(open));
    for (auto& [id, seen] : before) {
      // What has left the lists is over: its last line is still due.
      if (jobs_.contains(id) || seen.job.is_over()) continue;
      if (const auto failed = look_at(id)) return failed;
    }
    const auto status = ask(cli_, "GET", "/v1/status");
    if (status.failed) return status.failed;
    head_ = fmt::format("offpeak: {}, {} jobs open, {} batches open", status.json().text("health"),
                        human_count(status.json().integer("jobs_open")),
                        human_count(status.json().integer("open_batches")));
    const auto trouble = status.json().text("trouble");
    if (!trouble.empty()) head_ += ": " + escape_for_display(trouble, 300);
    return std::nullopt;
  }

  std::optional<int> look_at(std::int64_t id) {
    const auto answer = ask(cli_, "GET", fmt::format("/v1/jobs/{}", id));
    if (answer.failed) return answer.failed;
    jobs_[id] = Seen{parse_job(answer.json()), answer.reply.body};
    return std::nullopt;
  }

  void show() {
    for (auto& [id, seen] : jobs_) pace_[id].see(seen.job, SystemClock().steady_now());
    if (cli_.out.live() && !cli_.json) {
      redraw();
    } else {
      print_changes();
    }
    cli_.out.flush();
  }

  void redraw() {
    std::string text;
    if (drawn_lines_ != 0) text += fmt::format("\x1b[{}A", drawn_lines_);
    text += "\r\x1b[J";
    drawn_lines_ = 0;
    const auto draw = [&](const std::string& line) {
      text += cut_to_width(line, cli_.out.width()) + '\n';
      ++drawn_lines_;
    };
    if (!head_.empty()) draw(head_);
    if (jobs_.empty()) draw("  nothing to do");
    // What does not fit would scroll away, and no cursor movement brings it back.
    const auto rows = std::max<std::size_t>(cli_.out.height(), 4) - 2 - (head_.empty() ? 0 : 1);
    const bool with_reasons = 2 * jobs_.size() <= rows;
    std::size_t left = jobs_.size();
    for (const auto& [id, seen] : jobs_) {
      if (drawn_lines_ >= rows && left > 1) break;
      auto job = seen.job;
      if (with_reasons) job.reason.clear();
      draw(progress_line(cli_.out, job, pace_[id]));
      if (with_reasons && !seen.job.reason.empty()) draw(waits_line(seen.job, SystemClock().now()));
      --left;
    }
    if (left != 0) draw(fmt::format("  ... and {} more", left));
    cli_.out.data(text);
  }

  void print_changes() {
    for (const auto& [id, seen] : jobs_) {
      auto now_seen = fingerprint(seen.job);
      auto& before = printed_[id];
      if (before == now_seen) continue;
      before = std::move(now_seen);
      if (cli_.json) {
        print_json(cli_, seen.json);
      } else {
        cli_.out.data(plain_line(seen.job, SystemClock().now()) + '\n');
      }
    }
  }

  Cli& cli_;
  std::optional<std::int64_t> only_;
  std::string head_;
  std::map<std::int64_t, Seen> jobs_;
  std::map<std::int64_t, Pace> pace_;
  std::map<std::int64_t, std::string> printed_;
  std::size_t drawn_lines_ = 0;
};

struct WatchArguments {
  std::string id;
  std::string interval = "1s";
};

int watch(Cli& cli, const WatchArguments& arguments) {
  std::optional<std::int64_t> only;
  if (!arguments.id.empty()) {
    const auto id = parse_thing_id(arguments.id);
    if (!id || id->batch) {
      cli.out.complain(fmt::format("{} is no job", escape_for_display(arguments.id, 100)), "offpeak jobs lists them");
      return exit_no_such_thing;
    }
    only = id->number;
  }
  return Watch(cli, only).run(std::max(parse_duration(arguments.interval).value_or(Duration(1000)), Duration(10)));
}

std::string check_interval(const std::string& text) {
  return parse_duration(text) ? "" : fmt::format("{} is no duration: write 500ms or 2s", text);
}

}  // namespace

void add_watch_verb(CLI::App& app, Cli& cli) {
  auto* const verb = add_verb(app, cli, "watch", "Follow one job until it is over, or all open ones");
  auto arguments = std::make_shared<WatchArguments>();
  verb->add_option("ID", arguments->id, "A job's number");
  verb->add_option("--interval", arguments->interval, "Look this often (default: 1s)")->check(check_interval);
  verb->callback([&cli, arguments] { cli.verb = [&cli, arguments] { return watch(cli, *arguments); }; });
}

void add_follow_verbs(CLI::App& app, Cli& cli) {
  add_watch_verb(app, cli);
  add_wait_verb(app, cli);
}

}  // namespace offpeak::cli
