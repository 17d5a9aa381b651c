// Stages: every stage of the daemon, built from its doors, each with its bell, and started in order. The one place
// where stages meet: offpeakd runs it with the real doors, tests with virtual time and a simulated disk.
// Gives back what the socket shows. I/O thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/state_log.hpp"
#include "base/task_group.hpp"
#include "export/exporter.hpp"
#include "ingest/ingester.hpp"
#include "pack/packer.hpp"
#include "poll/poller.hpp"
#include "provider/paced_provider.hpp"
#include "provider/proven_provider.hpp"
#include "results/claimer.hpp"
#include "results/collector.hpp"
#include "retention/retention.hpp"
#include "submit/guard.hpp"
#include "submit/settler.hpp"
#include "submit/submitter.hpp"
#include "waits/facts.hpp"
#include "watch/watcher.hpp"

namespace offpeak {

// All must outlive the stages. The content of config and prices may be replaced between two events (a reload); whoever
// does so rings all bells.
struct StageDoors {
  boost::asio::any_io_executor executor;
  Clock& clock;
  Random& random;
  Files& files;
  Worker& file_worker;
  Worker& read_worker;  // reads results while the file worker writes them
  Worker& sync_worker;  // waits for the disk while the file worker goes on
  std::vector<Worker*> results_sync_workers;
  Bells& bells;  // that the database rings
  Database& database;
  Provider& provider;
  Log& log;
  const Config& config;
  const PriceTable& prices;
  std::uint64_t result_file_bytes = download_file_bytes;  // tests make the files of a download short
};

class Stages {
 public:
  // `intake_settled` is called when ingest has accepted or rejected a file.
  Stages(const StageDoors& doors, std::function<void()> intake_settled);
  Stages(const Stages&) = delete;
  Stages& operator=(const Stages&) = delete;

  // Makes what a crash left consistent. Before anybody else uses the queue.
  Task<> recover();
  // Starts every stage. `group` must end before the stages do.
  void spawn(TaskGroup& group);

  // Past the commit point of a create call: a stop should wait a moment.
  bool committing() const { return submitter_.committing(); }
  // What the stages know beside the queue; lib/waits puts it into words.
  StageFacts facts() const;
  const std::optional<Guard::Waiting>& guard_waiting() const { return guard_.waiting(); }

 private:
  template <class Stage>
  Task<> keep_running(std::string name, Stage& stage);
  void note_full(const std::string& name, const std::string& message);
  Task<> guard_then_pack(TaskGroup& group);
  IngestCalls ingest_calls(std::function<void()> intake_settled);

  StageDoors doors_;
  PacedProvider paced_;
  ProvenProvider provider_;  // what every stage but the guard asks

  // In the order in which a line of a job file meets them.
  Watcher watcher_;
  Ingester ingester_;
  Guard guard_;
  Packer packer_;
  Submitter submitter_;
  Settler settler_;
  Poller poller_;
  Collector collector_;
  Claimer claimer_;
  Exporter exporter_;
  Retention retention_;

  // A stage that found the database's disk full.
  struct Full {
    Instant since{};
    Instant last{};
  };
  std::map<std::string, Full> full_;
  StateLog full_log_{doors_.log, doors_.clock, LogLevel::error, "disk.full", "disk.has_room"};
};

}  // namespace offpeak
