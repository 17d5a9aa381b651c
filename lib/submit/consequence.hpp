// What follows from the verdict on a create call: how its intent ends, and what the workspace does next. Pure; the rows
// of the product contract's table for answers to a create.
#pragma once

#include <optional>
#include <string>

#include "config/config.hpp"
#include "provider/verdict.hpp"
#include "queue/rows.hpp"

namespace offpeak {

enum class IntentEnd : std::uint8_t { created, refused, unknown };

struct Consequence {
  IntentEnd end = IntentEnd::unknown;
  Refusal refusal;                      // refused
  std::optional<AccountState> account;  // set: the account pauses so
  std::optional<CreateDelay> delay;     // set: the next create waits so
  std::string reason;
};

struct SubmitSituation {
  std::uint32_t requests = 0;  // in the batch
  std::uint64_t bytes = 0;
  Instant refused_before{};  // when the one request was first refused so; 0: never
  HeaderRefusals refusals;   // of its headers so far
  bool others_wait = false;  // more requests with its headers may be tried now
  int account_tries = 0;     // account faults in a row so far
  int delay_tries = 0;       // other failures in a row so far
  Instant now{};
  double jitter = 0.5;  // in [0, 1)
};

Consequence consequence_of(const CreateVerdict& verdict, const SubmitSituation& situation, const RetryConfig& retry);

// {"type":"errored","error":<the provider's error document>}; made from `message` where it gave none.
std::string errored_result(const CreateVerdict& verdict);

}  // namespace offpeak
