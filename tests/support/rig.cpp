#include "support/rig.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>

#include "base/json.hpp"
#include "base/wakeup.hpp"
#include "base/worker.hpp"
#include "config/prices.hpp"
#include "export/exporter.hpp"
#include "ingest/ingester.hpp"
#include "pack/packer.hpp"
#include "poll/poller.hpp"
#include "results/claimer.hpp"
#include "results/collector.hpp"
#include "submit/guard.hpp"
#include "submit/settler.hpp"
#include "submit/submitter.hpp"

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

struct Rig::Stages {
  explicit Stages(Rig& rig)
      : executor(rig.context.get_executor()),
        worker(executor),
        database(*rig.queue, worker),
        ingest_bell(rig.clock, executor),
        pack_bell(rig.clock, executor),
        submit_bell(rig.clock, executor),
        settle_bell(rig.clock, executor),
        poll_bell(rig.clock, executor),
        collect_bell(rig.clock, executor),
        claim_bell(rig.clock, executor),
        export_bell(rig.clock, executor),
        jobs_bell(rig.clock, executor),
        ingester({rig.clock, rig.files_, worker, worker, database, rig.log}, executor, rig.config, ingest_bell,
                 {nullptr, [this](JobId) { pack_bell.notify(), export_bell.notify(); }, nullptr}),
        guard(database, *rig.provider, rig.clock, rig.random_, rig.log, rig.config),
        packer(database, *rig.provider, rig.clock, rig.random_, rig.log, rig.config, pack_bell, submit_bell),
        submitter(database, *rig.provider, rig.files_, worker, rig.clock, rig.random_, rig.log, rig.config,
                  {submit_bell, pack_bell, settle_bell, poll_bell}),
        settler(database, *rig.provider, rig.clock, rig.log, rig.config, {settle_bell, pack_bell, poll_bell}),
        poller({database, *rig.provider, rig.clock, rig.random_, rig.log, rig.config}, {poll_bell, collect_bell}),
        collector({database, *rig.provider, rig.files_, worker, rig.clock, rig.random_, rig.log, rig.config, prices},
                  {collect_bell, pack_bell, settle_bell, export_bell, poll_bell}),
        claimer({database, *rig.provider, rig.files_, worker, rig.clock, rig.random_, rig.log, rig.config},
                {claim_bell, pack_bell, poll_bell}),
        exporter({database, rig.files_, worker, rig.clock, rig.random_, rig.log, rig.config}, {export_bell, jobs_bell}),
        group(executor) {
    group.spawn("ingest", ingester.run());
    group.spawn("pack", pack_after_guard());
    group.spawn("submit", submitter.run());
    group.spawn("settle", settler.run());
    group.spawn("poll", poller.run());
    group.spawn("results", collector.run());
    group.spawn("claim", claimer.run());
    group.spawn("export", exporter.run());
  }

  Task<> pack_after_guard() {
    co_await guard.pass();
    co_await packer.run();
  }

  boost::asio::any_io_executor executor;
  PriceTable prices;
  Worker worker;
  Database database;
  Wakeup ingest_bell, pack_bell, submit_bell, settle_bell, poll_bell, collect_bell, claim_bell, export_bell, jobs_bell;
  Ingester ingester;
  Guard guard;
  Packer packer;
  Submitter submitter;
  Settler settler;
  Poller poller;
  Collector collector;
  Claimer claimer;
  Exporter exporter;
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
  queue->recover(clock.now());
  stages_ = std::make_unique<Stages>(*this);
  clock.run_until_idle();
}

void Rig::stop() {
  if (!stages_) return;
  stages_->group.cancel();
  while (stages_->group.size() > 0) clock.advance(Duration(1));
  stages_.reset();
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
  for (Wakeup* bell : {&stages_->pack_bell, &stages_->settle_bell, &stages_->poll_bell, &stages_->claim_bell}) {
    bell->notify();
  }
  clock.run_until_idle();
}

bool Rig::run_until_done(Duration most) {
  return clock.advance_until(
      [this] {
        const auto failure = stages_->group.failure();
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
