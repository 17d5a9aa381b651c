// Purpose   the status socket: what users, scripts and `offpeak` see and may change while the daemon runs
// Gets      calls (message.hpp) from the sessions of ControlServer
// Gives     replies in the shapes of schema/openapi.json; new jobs as intakes; wake-ups for the stages
// Promises  a bad call is answered, never fatal; bodies and results pass through in constant memory; /healthz needs no
//           database; a 201 means that the job is durably queued
// When it fails  a broken queue is answered with 500 and then stops the daemon (Reply::failure); a full disk is a 507
//
// I/O thread. The queue is used through Database, files through the file worker.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/log.hpp"
#include "base/task.hpp"
#include "base/worker.hpp"
#include "control/message.hpp"
#include "queue/queue.hpp"
#include "waits/waits.hpp"

namespace offpeak {

// All of them outlive the Control.
struct ControlDoors {
  boost::asio::any_io_executor executor;
  Database& database;
  Files& files;
  Worker& file_worker;
  Clock& clock;
  Log& log;
};

struct ControlFolders {
  std::string claimed;
  std::string downloads;
  std::string results{};
  std::string state{};  // a backup is made here before it is sent
};

// The start-up guard cannot tell whose workspace it is, or what is in it.
struct GuardWait {
  std::string what;
  Instant since{};
  std::optional<Instant> next_try_at;
  std::string id;  // by which an operator decides: "key" or "list"; empty: it goes on by itself
};

// How the rest of the daemon is told and asked; an empty function is left out.
struct ControlHooks {
  std::function<StageFacts()> facts;                     // what the stages know beside the queue
  std::function<const Config*()> config;                 // as it is in use
  std::function<std::optional<GuardWait>()> guard_wait;  // what the start-up guard waits for
  std::function<const PriceTable*()> prices;             // for what a decision may cost at most; null: there are none
  std::function<std::uint64_t()> reserve = {};           // free space that uploads leave alone: intake.reserve
};

struct ControlContext;

class Control {
 public:
  Control(ControlDoors doors, ControlFolders folders, ControlHooks hooks);
  ~Control();
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;

  // Every call gets a reply. Throws only operation_aborted, where the task is canceled.
  Task<Reply> answer(Call call);

  // Ingest has accepted or rejected an intake: uploads that wait for it look at once.
  void intake_settled();

 private:
  std::unique_ptr<ControlContext> context_;
};

}  // namespace offpeak
