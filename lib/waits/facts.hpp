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
  account,          // the account is paused
  backoff,          // the last create failed
  open_batches,     // max_open_batches
  queued_requests,  // max_queued_requests
  daily_cap,        // daily_cap_usd
};

struct PackGate {
  GateKind kind = GateKind::sending;
  std::string reason;
  std::optional<Instant> until;  // none: until something changes
};

// The packer's last look.
struct PackFacts {
  std::optional<PackGate> gate;
  std::optional<Instant> gate_since;   // closed by this kind of gate since
  std::optional<Instant> send_at;      // when what waits is sent
  std::optional<Instant> next_try_at;  // the list in front of a batch failed
};

// Anything that a stage could not do and does again.
struct Trouble {
  std::string what;  // what failed, and why
  Instant since{};
  std::optional<Instant> next_action_at;
};

// A job whose results cannot be written.
struct ExportTrouble {
  std::string what;
  Instant since{};
  int tries = 0;
  std::optional<Instant> next_action_at;
};

struct StageFacts {
  ProviderContact contact;
  std::optional<Instant> first_list_since;  // nothing is sent before the first list was read; waits for it since
  std::optional<Instant> first_list_at;     // and asks again at
  PackFacts pack;
  std::optional<Instant> next_poll_at;
  std::map<BatchId, Instant> missing_since;  // the provider answers 404 for these
  std::map<IntentId, Instant> verdict_at;    // a create with a lost answer is decided by then, if lists can be read
  std::map<JobId, ExportTrouble> exports;
  std::vector<Trouble> intake;
  std::map<std::string, Instant> disk_full;  // by the stage that found it so, since when
  std::optional<Trouble> refused_config;     // the last reload was refused: the old settings are in use
};

}  // namespace offpeak
