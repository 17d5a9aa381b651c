// Purpose   one virtual run of the whole daemon: its own stages, its queue on real SQLite, virtual time, a disk that
//           forgets and a provider that misbehaves; the proof that nothing is lost and nothing billed twice
// Gets      a seed; the weather made from it says everything that will go wrong
// Gives     a trace, counts, and complaints: none where every promise was kept
// Promises  the same seed gives the same trace, byte for byte. Invariants are looked at after every event, the deep
//           ones at a stride, at every start and at the end
// When it fails  complaints() says what was broken and when; the trace says what led there
//
//   drops.hpp     what the user drops, and what must become of it
//   weather.hpp   what goes wrong
//   sim_disk.hpp  the disk; sim_files and sim_vfs open it to Files and to SQLite
//   bill.hpp      what the provider was paid for: the judge
//   look.hpp      the database, looked at from outside
//   waits.hpp     what waits, and what is said of it
//   features.hpp  which kinds of trouble there are beside the old ones
//
// A daemon's life begins with start() and ends by stop(), by a crash (the disk and the provider are dead at once, then
// the tasks are canceled, then everything in memory is dropped), or by its own failure. After a power cut the next one
// finds what was durable.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/random.hpp"
#include "queue/queue.hpp"
#include "sim/bill.hpp"
#include "sim/drops.hpp"
#include "sim/look.hpp"
#include "sim/mortal_provider.hpp"
#include "sim/service.hpp"
#include "sim/sim_disk.hpp"
#include "sim/sim_files.hpp"
#include "sim/sim_vfs.hpp"
#include "sim/trace.hpp"
#include "sim/weather.hpp"
#include "support/sim_provider.hpp"
#include "support/virtual_clock.hpp"

namespace offpeak::simtest {

struct RunCounts {
  std::uint64_t seeds = 0;
  std::uint64_t virtual_minutes = 0;
  std::uint64_t requests = 0;
  std::uint64_t events = 0;
  std::uint64_t starts = 0;
  std::uint64_t looks = 0;  // into the whole database, between two events
  std::uint64_t crashes = 0;
  std::uint64_t power_cuts = 0;
  std::uint64_t faults = 0;
  std::uint64_t restores = 0;
  std::uint64_t commands = 0;
  std::uint64_t claims = 0;              // batches that the state had forgotten, and what they paid for was used
  std::uint64_t forgiven = 0;            // batches that might be paid for twice: Bill::Why
  std::uint64_t strangers = 0;           // batches of others
  std::uint64_t strangers_canceled = 0;  // of these, by offpeak
  std::uint64_t silent = 0;              // waits, and overlaps, of which nothing was said
  std::uint64_t undone = 0;              // jobs that were complete for a minute and not done
  std::uint64_t lost = 0;
  std::uint64_t billed_twice = 0;
  std::uint64_t failed_seeds = 0;

  void add(const RunCounts& other);
  std::string text() const;
};

// The provider's time: it runs with the steady clock and never jumps.
class TrueClock final : public Clock {
 public:
  explicit TrueClock(offpeak::testing::VirtualClock& clock)
      : clock_(clock), wall_(clock.now()), steady_(clock.steady_now()) {}
  Instant now() const override { return wall_ + std::chrono::duration_cast<Duration>(steady_now() - steady_); }
  SteadyTime steady_now() const override { return clock_.steady_now(); }
  void arm(boost::asio::steady_timer& timer, SteadyTime deadline) override { clock_.arm(timer, deadline); }
  void disarm(boost::asio::steady_timer& timer) override { clock_.disarm(timer); }

 private:
  offpeak::testing::VirtualClock& clock_;
  Instant wall_;
  SteadyTime steady_;
};

class World {
 public:
  World(std::uint64_t seed, Weather weather, bool trace_to_stderr);
  ~World();

  // The whole run: the storm, the calm after it, the judgement.
  void run();

  const std::vector<std::string>& complaints() const { return complaints_; }
  const Trace& trace() const { return trace_; }
  RunCounts counts();

  // ---- for scenarios that are written out (io_points)
  void drop(Drop drop);
  void start();
  void run_for(Duration duration);
  // Ends every fault and waits until all is done; then the judgement.
  void finish();
  SimDisk& disk() { return disk_; }
  bool power_cut_next = false;  // the next crash is a power cut

 private:
  struct Daemon;
  class DaemonLog;
  using Act = std::function<void()>;
  enum class Ending : std::uint8_t { graceful, crash, failure };

  // world.cpp: lives and time
  void end_life(Ending ending);
  void note_life_ended();
  bool after_event();
  void step_to(SteadyTime until);
  void at(SteadyTime when, Act act);
  SteadyTime some_time();
  void complain(std::string what);

  // world_storm.cpp: what goes wrong, and the operator
  void plan_storm();
  void plan_drops();
  void plan_crashes();
  void plan_disk();
  void plan_operator();
  bool cancel_job(const Job& job);
  // As the status socket writes: one function, one transaction.
  template <class Function>
  auto change(Function function) {
    return queue().write(std::move(function));
  }
  Queue& queue();
  void plan_restore();
  void crash_now();
  void crash_at_operation(std::uint64_t most);
  void jump_clock();
  void command();
  void reload();
  void take_backup();
  void restore_backup();
  void tend();
  void end_hold(const Job& job);
  void reconcile(const UnexplainedBatch& batch);
  void ask_queue(const std::function<void()>& ask);

  // world_features.cpp
  void plan_features();
  void plan_single();
  void plan_strangers();
  void make_stranger();
  std::uint32_t tempting_count();
  void plan_workspaces();
  void change_workspace();
  void leave_workspace();
  void go_home();
  void plan_snapshot();
  void take_snapshot(int tries);
  void restore_snapshot();
  // When a create is unknown, or at the latest after so many looks.
  void when_unknown(int tries, Act act);
  bool has_unknown();
  bool ours_are_explained();
  bool sent_elsewhere();
  void forgive_untold(Instant since, bool moved);
  void forgive_forgotten(Instant since, bool away_then);

  // world_judge.cpp
  void forgive_hidden();
  void check_strangers();
  void check_complete(sqlite3* db);
  void check_waits();
  void judge_forgiven();
  void check_cheap();
  void check_deep();
  void note_new_batches();
  void note_new_batches(sim::Service& service, std::uint64_t& seen);
  void note_not_created(LogFields fields);
  void note_job(std::int64_t job, std::string_view name, bool accepted);
  void look_for_fates();
  void note_recovered(const Job& job);
  bool all_done();
  void judge();
  bool judge_drop(Drop& drop);
  void judge_results(const Drop& drop, const std::string& text);
  void judge_line(const Drop& drop, const ExpectedLine& line, std::string_view text);
  std::string read_file(const std::string& path);
  std::vector<std::string> names_in(const std::string& folder);

  const std::uint64_t seed_;
  Weather weather_;
  Config config_;
  SeededRandom random_;         // of the world
  SeededRandom daemon_random_;  // of the daemon
  boost::asio::io_context context_{1};
  offpeak::testing::VirtualClock clock_{context_};
  TrueClock true_clock_{clock_};
  Trace trace_;
  sim::Service service_;
  sim::Service other_service_;  // another workspace
  offpeak::testing::SimProvider sim_provider_{service_, true_clock_};
  offpeak::testing::SimProvider other_provider_{other_service_, true_clock_};
  bool away_ = false;  // the daemon has the other one's key
  SimDisk disk_{clock_};
  SimFiles files_{disk_};
  std::set<JobId> jobs_without_file_;
  Mount mount_;
  MortalProvider provider_{sim_provider_, disk_, clock_};
  Bill bill_{service_};
  std::unique_ptr<DaemonLog> log_;
  std::unique_ptr<Daemon> daemon_;

  std::multimap<SteadyTime, Act> agenda_;
  SteadyTime began_;
  SteadyTime storm_end_;
  bool calm_ = false;
  int failures_in_a_row_ = 0;
  SteadyTime life_began_{};
  std::uint64_t events_at_once_ = 0;  // without time passing
  SteadyTime last_event_at_{};
  std::vector<Drop> drops_;
  std::uint64_t batches_seen_ = 0;
  std::uint64_t other_batches_seen_ = 0;
  std::uint64_t foreign_canceled_seen_ = 0;
  std::set<std::string> hidden_judged_;
  std::optional<std::pair<std::uint64_t, std::int64_t>> looked_into_;  // a life, and what was written in it
  std::set<std::string> canceled_told_;
  std::map<std::int64_t, SteadyTime> complete_since_;  // by job
  std::map<std::string, SteadyTime> silent_since_;     // by what waits
  std::uint64_t disk_faults_seen_ = 0;
  SteadyTime disk_trouble_until_{};
  std::vector<std::pair<std::uint32_t, SteadyTime>> not_created_;  // counts, as the log told them
  std::optional<std::string> snapshot_;
  Instant snapshot_at_{};
  bool snapshot_away_ = false;  // with the key of the other workspace
  std::optional<SimDisk::Tree> backup_;
  Instant backup_at_{};
  bool backup_away_ = false;
  std::vector<std::string> complaints_;
  RunCounts counts_;
};

}  // namespace offpeak::simtest
