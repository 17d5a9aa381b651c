#include "support/rig.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>

#include "base/json.hpp"
#include "base/worker.hpp"
#include "config/prices.hpp"
#include "daemon/stages.hpp"

namespace offpeak::testing {

namespace fs = std::filesystem;

bool MemoryLog::has(std::string_view event) const {
  return std::any_of(lines_.begin(), lines_.end(), [&](const auto& line) { return line.starts_with(event); });
}

std::string MemoryLog::text() const {
  std::string all;
  for (const auto& line : lines_) all += line + "\n";
  return all;
}

void MemoryLog::emit(LogLevel, std::string_view event, LogFields fields) { lines_.push_back(log_line(event, fields)); }

struct Rig::Run {
  explicit Run(Rig& rig)
      : worker(rig.context.get_executor()),
        bells(rig.clock, rig.context.get_executor()),
        database(*rig.queue, worker, rig.clock, &bells),
        stages({rig.context.get_executor(),
                rig.clock,
                rig.random_,
                rig.files_,
                worker,
                worker,
                worker,
                {&worker, &worker},
                bells,
                database,
                *rig.provider,
                rig.log,
                rig.config,
                prices},
               nullptr),
        group(rig.context.get_executor()) {
    group.spawn("daemon", start());
  }

  Task<> start() {
    co_await stages.recover();
    stages.spawn(group);
  }

  PriceTable prices;
  Worker worker;
  Bells bells;
  Database database;
  Stages stages;
  TaskGroup group;
};

Rig::Rig(std::vector<sim::FaultRule> faults, std::uint64_t seed)
    : service(sim::Settings(), std::move(faults)), random_(seed) {
  std::string pattern = (fs::temp_directory_path() / "offpeak-rig-XXXXXX").string();
  folder = ::mkdtemp(pattern.data());
  config.paths.spool = folder + "/spool";
  config.paths.state = folder + "/state";
  for (const auto& path : {config.paths.incoming(), config.paths.claimed(), config.paths.rejected(),
                           config.paths.results(), config.paths.downloads()}) {
    fs::create_directories(path);
  }
}

Rig::~Rig() {
  stop();
  fs::remove_all(folder);
}

void Rig::drop(const std::string& name, const std::string& content) {
  std::ofstream(config.paths.incoming() + "/" + name, std::ios::binary) << content;
}

void Rig::drop_requests(const std::string& name, int count, const std::function<std::string(int)>& text) {
  std::string content;
  for (int i = 0; i < count; ++i) {
    content += R"({"custom_id":"r)" + std::to_string(i) +
               R"(","params":{"model":"claude-opus-5-5","max_tokens":64,"messages":[{"role":"user","content":)" +
               json_quote(name + " " + std::to_string(i) + " " + text(i)) + "}]}}\n";
  }
  drop(name, content);
}

void Rig::start() {
  provider = std::make_unique<SimProvider>(service, clock);
  queue = std::make_unique<Queue>(config.paths.database());
  run_ = std::make_unique<Run>(*this);
  clock.run_until_idle();
}

void Rig::stop() {
  if (!run_) return;
  run_->group.cancel();
  while (run_->group.size() > 0) clock.advance(Duration(1));
  run_.reset();
  queue.reset();
}

void Rig::restart() {
  stop();
  start();
}

void Rig::back_up() {
  stop();
  fs::remove_all(folder + "/backup");
  fs::copy(config.paths.state, folder + "/backup", fs::copy_options::recursive);
  start();
}

void Rig::restore() {
  stop();
  fs::remove_all(config.paths.state);
  fs::copy(folder + "/backup", config.paths.state, fs::copy_options::recursive);
  start();
}

void Rig::ring() {
  run_->bells.ring(queue->take_concerned());
  clock.run_until_idle();
}

bool Rig::run_until_done(Duration most) {
  return clock.advance_until(
      [this] {
        const auto failure = run_->group.failure();
        if (failure) std::rethrow_exception(failure);
        const auto all = jobs();
        return !all.empty() &&
               std::all_of(all.begin(), all.end(), [](const Job& job) { return job.done_at.has_value(); }) &&
               fs::is_empty(config.paths.incoming()) && queue->intakes().empty();
      },
      most);
}

std::vector<Job> Rig::jobs() {
  ListOptions options;
  options.limit = 1000;
  return queue->jobs(options);
}

std::vector<Wait> Rig::waits() {
  return waits_of({queue->status(clock.now()), run_->stages.facts(), config, clock.now()});
}

std::optional<Wait> Rig::wait_of(JobId job) {
  const auto found = queue->job(job);
  if (!found) return std::nullopt;
  return offpeak::wait_of(*found, queue->job_waits(job, clock.now()),
                          {queue->status(clock.now()), run_->stages.facts(), config, clock.now()});
}

AccountState Rig::account() {
  return account_of({queue->status(clock.now()), run_->stages.facts(), config, clock.now()});
}

std::vector<std::string> Rig::result_lines(std::int64_t job) {
  std::vector<std::string> lines;
  for (const auto& entry : fs::directory_iterator(config.paths.results())) {
    if (!entry.path().filename().string().starts_with(std::to_string(job) + "-")) continue;
    std::ifstream file(entry.path() / "results.jsonl");
    for (std::string line; std::getline(file, line);) lines.push_back(line);
  }
  return lines;
}

}  // namespace offpeak::testing
