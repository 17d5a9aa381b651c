// What World is made of: the daemon's life and the ear at its log. For the files of World alone.
#pragma once

#include "base/task_group.hpp"
#include "base/worker.hpp"
#include "config/prices.hpp"
#include "daemon/stages.hpp"
#include "sim/world.hpp"

namespace offpeak::simtest {

class World::DaemonLog final : public Log {
 public:
  explicit DaemonLog(World& world) : Log(LogLevel::info), world_(world) {}

 protected:
  void emit(LogLevel, std::string_view event, LogFields fields) override {
    world_.trace_.add_line(log_line(event, fields));
    if (event == "intent.not_created") world_.note_not_created(fields);
    const bool accepted = event == "job.accepted";
    if (!accepted && event != "job.done" && event != "job.canceled") return;
    std::int64_t job = 0;
    std::string name;
    for (const auto& field : fields) {
      if (field.key == "job") job = std::stoll(field.value);
      if (field.key == "name") name = field.value;
    }
    world_.note_job(job, name, accepted);
  }

 private:
  World& world_;
};

// From a start to its end.
struct World::Daemon {
  explicit Daemon(World& world)
      : queue(world.config_.paths.database()),
        worker(world.context_.get_executor()),
        bells(world.clock_, world.context_.get_executor()),
        database(queue, worker, world.clock_, &bells),
        stages({world.context_.get_executor(),
                world.clock_,
                world.daemon_random_,
                world.files_,
                worker,
                worker,
                worker,
                {&worker, &worker},
                bells,
                database,
                world.provider_,
                *world.log_,
                world.config_,
                prices,
                world.weather_.result_file_bytes},
               nullptr),
        group(world.context_.get_executor()) {
    group.spawn("daemon", begin());
  }

  Task<> begin() {
    co_await stages.recover();
    stages.spawn(group);
  }

  PriceTable prices;
  Queue queue;
  Worker worker;
  Bells bells;
  Database database;
  Stages stages;
  TaskGroup group;
};

}  // namespace offpeak::simtest
