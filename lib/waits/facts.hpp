// What the stages know beside the queue: plain values, filled by each stage and gathered by daemon/stages. Nothing here
// is stored: after a restart it is found out anew.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "model/ids.hpp"
#include "provider/contact.hpp"

namespace offpeak {

// Why nothing may be packed now.
enum class GateKind : std::uint8_t {
  sending,          // one intent at a time
  operator_pause,   // `offpeak pause`
  unexplained,      // batches that nothing explains
  restored,         // a state that was put back: what was sent just before may not be listed yet
  account,          // the account is paused
  backoff,          // the last create failed
  open_batches,     // max_open_batches
  queued_requests,  // max_queued_requests
  daily_cap,        // daily_cap_usd
  same_size,        // what waits could not be told from a batch whose outcome is not known yet
};

struct PackGate {
  GateKind kind = GateKind::sending;
  std::string reason;
  std::optional<Instant> until = std::nullopt;  // none: until something changes
};

// The packer's last look.
struct PackFacts {
  std::optional<PackGate> gate;
  std::optional<Instant> gate_since = std::nullopt;   // closed by this kind of gate since
  std::optional<Instant> send_at = std::nullopt;      // when what waits is sent
  std::optional<Instant> next_try_at = std::nullopt;  // the list in front of a batch failed
};

// Anything that a stage could not do and does again.
struct StageTrouble {
  std::string what;  // what failed, and why
  Instant since{};
  std::optional<Instant> next_action_at = std::nullopt;
  std::string command = "";  // that a human must give; empty: it goes on by itself
};

// A job whose results cannot be written.
struct ExportTrouble {
  std::string what;
  Instant since{};
  int tries = 0;
  std::optional<Instant> next_action_at = std::nullopt;
};

struct StageFacts {
  ProviderContact contact;
  std::optional<StageTrouble> guard;  // nothing is sent before it is known what the workspace holds
  PackFacts pack;
  std::optional<Instant> next_poll_at;
  std::map<BatchId, Instant> missing_since;  // the provider answers 404 for these
  std::map<IntentId, Instant> verdict_at;    // a create with a lost answer is decided by then, if lists can be read
  std::map<JobId, ExportTrouble> exports;
  std::vector<StageTrouble> intake;
  std::map<std::string, Instant> disk_full;    // by the stage that found it so, since when
  std::optional<StageTrouble> refused_config;  // the last reload was refused: the old settings are in use
};

}  // namespace offpeak
