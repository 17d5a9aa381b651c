// Purpose   takes job files in: from incoming/ and from the socket, checked whole, into the queue
// Gets      a bell (watch, control), the folders of the spool, intakes that control announced
// Gives     jobs with their line index; rejected files with NAME.error.json; two calls for whoever waits
// Promises  each step is recorded before the next, so a crash at any point is gone on from; one bad or huge file never
//           stops the others; memory does not grow with a file, nor with the number of files. Small files that are
//           found together share the syncs of their folders and the transactions
// When it fails  a full disk or a read that fails: everything is kept, said once, tried again by itself. QueueError
//           goes up: the daemon stops
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/files.hpp"
#include "base/log.hpp"
#include "base/task.hpp"
#include "base/wakeup.hpp"
#include "config/config.hpp"
#include "ingest/grouping.hpp"
#include "ingest/intake_check.hpp"
#include "ingest/troubles.hpp"
#include "queue/queue.hpp"
#include "watch/settle.hpp"

namespace offpeak {

// What the stage works with; all of it outlives the stage. `sync_worker` waits for the disk while
// `file_worker` checks; they may be the same.
struct IngestDoors {
  Clock& clock;
  Files& files;
  Worker& file_worker;
  Worker& sync_worker;
  Database& database;
  Log& log;
};

struct IngestCalls {
  std::function<std::set<std::string>()> take_moved_in;  // Watcher::take_moved_in, or empty
  std::function<void(JobId)> accepted;                   // the job is durably queued
  std::function<void(JobId)> rejected;  // the intake has ended without a job; a socket's document waits in the queue
  std::function<Writers(const std::string&)> writers = {};  // Watcher::writers of a name in incoming/, or empty
};

class Ingester {
 public:
  // `config` may change between two rounds (a reload). Whoever has something for ingest rings `bell`.
  Ingester(const IngestDoors& doors, boost::asio::any_io_executor executor, const Config& config, Wakeup& bell,
           IngestCalls calls);
  ~Ingester();

  // Cleans up after a crash, and takes in again what a state that was put back does not know. Before the
  // socket takes jobs: an upload that it began earlier is over.
  Task<> recover();
  // The stage; ends when it is canceled. Calls recover() where nobody did.
  Task<> run();

  // What intake waits for just now, oldest first: the folder is gone, a full disk, a file that cannot be moved,
  // unpacked or looked at, or that a program does not close. I/O thread.
  std::vector<IntakeTrouble> troubles() const { return troubles_.list(); }

 private:
  struct Open;
  struct Waiting {  // announced, not open yet
    Intake intake;
    std::uint64_t bytes = 0;  // 0 where nobody has looked
  };
  struct Claim;  // one file of a group on its way from incoming/ to claimed/
  using Claims = std::shared_ptr<std::vector<Claim>>;
  struct Turn;  // one slice of a check
  struct ToSync;

  // ingester_recovery.cpp: what is known from before
  Task<> recover_unknown();
  Task<> take_in_again(JobId old, std::string file);

  // ingester.cpp: the loop
  Task<> take_in();
  Task<> round();
  SteadyTime next_due() const;
  Task<> look();
  void take_listing(const std::vector<FileInfo>& listed, const std::set<std::string>& moved_in);
  Task<> look_into_queue();
  Task<> open_waiting();
  std::vector<Waiting> take_waiting();
  Task<> open_found(std::vector<Waiting> found);
  OpenLoad load() const;
  bool can_begin() const;
  bool is_open(JobId id) const;
  Open& begin(const Intake& intake, std::uint64_t bytes);
  void complain_once(const std::string& about, std::string_view event, LogFields fields);
  Instant wall_time(SteadyTime at) const;

  // ingester_claims.cpp: from incoming/ to claimed/
  Task<> claim_ready();
  Claims take_ready();
  bool is_stuck(const std::string& name);
  Task<> leave_unready(Claims claims);
  bool is_ready(const Claim& claim);
  bool is_closed(const Claim& claim);
  void be_stuck(const std::string& name, const std::string& why);
  void forget_stuck(const std::vector<FileInfo>& listed);
  Task<> claim(Claims claims);
  void begin(const FileInfo& claimed, JobId id, Instant now);
  Task<> give_up(const Claim& claim);

  // ingester_checks.cpp: open files, their slices and their ends
  Task<> advance_all();
  std::vector<Open*> due();
  Task<> check_some();
  Task<> check_group(std::vector<Open*> group);
  void end_turn(Open& open, Turn& turn);
  Task<> restart(Open& open);
  Task<> store(Open& open);
  Task<> conclude_some();
  Task<> conclude(Open& open);
  Task<> accept(std::vector<Open*> group);
  void tell_accepted(Open& open, const Accepted& verdict);
  Task<> remove_originals(std::vector<Open*> group);
  Task<> discard_index(JobId id);
  Task<> sync_files();
  std::vector<ToSync> take_to_sync();
  bool is_ready(const Open& open) const;
  bool is_acceptable(const Open& open) const;
  void look_at_again(Open& open);
  void put_off(Open& open, const Error& error);
  void end_trouble(const Open& open);
  void fill_job(Open& open) const;
  CheckSettings settings() const;

  // ingester_rejecting.cpp: what does not become a job
  Task<> reject(Open& open);
  Task<bool> is_written(const Open& open);
  void wait_for_writer(Open& open);
  void reject_for_room(Open& open, const Error& error);
  Task<bool> move_to_rejected_folder(Open& open, const std::string& document);
  Task<> drop(Open& open);
  Task<> drop_missing(Intake intake);
  Task<> look_at_rejected();

  // ingester_late.cpp: what is written to a file after it was taken
  void watch_taken(const Open& open);
  Task<> look_at_taken();

  IngestDoors doors_;
  boost::asio::any_io_executor executor_;
  const Config& config_;
  Wakeup& bell_;
  IngestCalls calls_;
  Wakeup sync_wanted_;
  JsonChecker json_;  // file worker only
  std::vector<std::unique_ptr<Open>> open_;
  std::deque<Waiting> waiting_;
  std::deque<FileInfo> ready_;  // in incoming/, not claimed yet
  SeenFiles seen_;
  struct Stuck {
    int tries = 0;
    SteadyTime until{};
  };
  std::map<std::string, Stuck> stuck_;  // names that could not be claimed, and until when they are left alone
  struct Taken {
    Job job;
    TakenFile file;
    SteadyTime until{};
  };
  std::deque<Taken> taken_;  // whose writer may still be there
  Troubles troubles_;
  std::set<std::string> complained_;
  std::set<JobId> ids_on_disk_;  // at the start: of files in claimed/, or of results
  SteadyTime next_look_{};
  SteadyTime next_look_at_leavings_{};  // what is in rejected/, and what was taken
  SteadyTime full_until_{};             // the database found the disk full
  int full_tries_ = 0;
  bool paused_ = false;        // by the operator
  bool look_skipped_ = false;  // there was enough to do
  bool recovered_ = false;
};

}  // namespace offpeak
