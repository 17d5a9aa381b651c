// Rig: every stage of the daemon in virtual time, on one thread, against the simulated provider in process. The queue
// and the files are real, in a temporary folder. restart() is what a crash and a new start leave.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/files.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "base/task_group.hpp"
#include "config/config.hpp"
#include "queue/queue.hpp"
#include "sim/service.hpp"
#include "support/sim_provider.hpp"
#include "support/virtual_clock.hpp"
#include "waits/waits.hpp"

namespace offpeak::testing {

// Keeps the lines for tests that ask.
class MemoryLog final : public Log {
 public:
  MemoryLog() : Log(LogLevel::debug) {}
  bool has(std::string_view event) const;
  std::string text() const;

 protected:
  void emit(LogLevel level, std::string_view event, LogFields fields) override;

 private:
  std::vector<std::string> lines_;
};

class Rig {
 public:
  explicit Rig(std::vector<sim::FaultRule> faults = {}, std::uint64_t seed = 1);
  ~Rig();

  // A job file, as renamed into incoming/.
  void drop(const std::string& name, const std::string& content);
  // `count` requests in a job file; `text(i)` is the message of request i.
  void drop_requests(const std::string& name, int count, const std::function<std::string(int)>& text);

  // Builds the stages and runs; the first call is the first start.
  void start();
  // Everything in memory is gone; what is durable is read again.
  void restart();
  // Stops, copies the state aside or puts the copy back, and starts: the spool stays as it is.
  void back_up();
  void restore();
  // What an operator's word does: the stages look again.
  void ring();
  // Until every job has its results; false where `most` virtual time passed before.
  bool run_until_done(Duration most);

  std::vector<Job> jobs();
  // What the status, and a job, would say of what they wait for.
  std::vector<Wait> waits();
  std::optional<Wait> wait_of(JobId job);
  AccountState account();
  // Of the only folder in results/ of this job.
  std::vector<std::string> result_lines(std::int64_t job);
  const sim::Totals& totals() { return service.totals(clock.now()); }

  boost::asio::io_context context;
  VirtualClock clock{context};
  sim::Service service;
  MemoryLog log;
  Config config;
  std::string folder;
  std::unique_ptr<SimProvider> provider;
  std::unique_ptr<Queue> queue;

 private:
  struct Run;  // from a start to its end
  void stop();

  SeededRandom random_;
  SystemFiles files_;
  std::unique_ptr<Run> run_;
};

}  // namespace offpeak::testing
