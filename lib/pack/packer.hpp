// Packer: the stage that gives waiting requests a place in an intent and a wire id. A thin loop around plan.hpp. One
// intent at a time waits for its upload. I/O thread.
#pragma once

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "base/state_log.hpp"
#include "base/task.hpp"
#include "base/wakeup.hpp"
#include "config/config.hpp"
#include "pack/plan.hpp"
#include "provider/provider.hpp"
#include "queue/queue.hpp"

namespace offpeak {

class Packer {
 public:
  // `config` may be replaced in place between two suspensions (reload).
  Packer(Database& database, Provider& provider, Clock& clock, Random& random, Log& log, const Config& config,
         Wakeup& bell)
      : database_(database),
        provider_(provider),
        clock_(clock),
        random_(random),
        log_(log),
        config_(config),
        bell_(bell) {}

  // As of its last look.
  const PackFacts& facts() const { return facts_; }

  // Until canceled.
  Task<> run();

 private:
  struct Look {
    std::optional<PackGate> gate;
    std::optional<Instant> send_at;  // none: nothing is ready
    std::optional<Instant> next_ready_at;
  };
  struct Written {
    IntentId id;  // none: nothing was written
    std::uint32_t requests = 0;
    std::uint64_t bytes = 0;
  };
  Task<Look> look();
  void tell(const Look& seen);
  Task<> send();
  Task<std::optional<CallFailure>> missing_from(ListPage newest);
  Task<> wait_until(std::optional<Instant> at);

  Database& database_;
  Provider& provider_;
  Clock& clock_;
  Random& random_;
  Log& log_;
  const Config& config_;
  Wakeup& bell_;
  int list_failures_ = 0;
  PackFacts facts_;
  StateLog no_list_{log_, clock_, LogLevel::warning, "pack.no_watermark", "pack.watermark_again"};
  StateLog cap_{log_, clock_, LogLevel::warning, "cap.reached", "cap.over"};
};

}  // namespace offpeak
