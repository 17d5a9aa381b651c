// Purpose   what goes into the next batch
// Gets      what waits (PackView), the limits, the size of each request
// Gives     a Plan: runs of requests with their exact body size, or nothing
// Promises  never beyond a limit; by job priority, then in turns between the jobs of one priority, then in input order;
//           requests of different headers, or held apart after a refusal, never together
// When it fails  it cannot; pure
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "queue/rows.hpp"
#include "waits/facts.hpp"

namespace offpeak {

// The size of a request's params as sent. Asked in input order for neighbours.
class Sizes {
 public:
  virtual ~Sizes() = default;
  virtual std::uint32_t sent_params_bytes(JobId job, Seq seq) = 0;
};

struct PackLimits {
  std::uint32_t requests = 0;             // in this batch: the batch limit, or what the tier's queue limit leaves
  std::uint64_t bytes = 0;                // of the HTTP body
  std::set<std::uint32_t> taken_counts;   // of unsettled intents: this batch's count must differ
  bool prefer_never_refused = false;      // try something else than what was refused, where there is something
  std::set<HeaderGroup> refused_headers;  // of these only what was refused is tried, until it is known what is at fault
};

struct Plan {
  HeaderGroup headers;
  std::vector<NewIntent::Part> parts;  // by job, then in input order
  std::uint32_t requests = 0;
  std::uint64_t bytes = 0;  // of the HTTP body, envelope and commas included
  bool full = false;        // nothing more fits
  bool apart = false;       // made of requests that were refused together: no reason to linger
  Instant oldest{};         // pending since

  bool empty() const { return requests == 0; }
};

Plan plan_batch(const std::vector<PackJob>& jobs, const PackLimits& limits, Sizes& sizes);

// So many wait that a batch of them is full whatever their sizes are: that it is time to send is known without a plan.
bool surely_full(const std::vector<PackJob>& jobs, const PackLimits& limits);

// When a plan that is not full is sent: now, or later.
std::optional<Instant> send_at(const Plan& plan, Duration linger, Instant now);

// Why nothing may be packed now, and until when; nothing where it may.
std::optional<PackGate> closed_gate(const PackView& view, const Config& config, Instant now);

PackLimits limits_for(const PackView& view, const BatchConfig& config);

}  // namespace offpeak
