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
    if (event != "job.done" && event != "job.canceled") return;
    for (const auto& field : fields) {
      if (field.key == "job") world_.ended_jobs_.push_back(std::stoll(field.value));
    }
  }

 private:
  World& world_;
};

// From a start to its end.
struct World::Daemon {
  explicit Daemon(World& world)
      : queue(world.config_.paths.database()),
        worker(world.context_.get_executor()),
        database(queue, worker),
        stages({world.context_.get_executor(), world.clock_, world.daemon_random_, world.files_, worker, worker,
                database, world.provider_, *world.log_, world.config_, prices},
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
  Database database;
  Stages stages;
  TaskGroup group;
};

}  // namespace offpeak::simtest
