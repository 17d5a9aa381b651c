// Purpose   the simulated Message Batches API: its rules, its faults, and a ledger of what was created and billed
// Gets      calls with the instant at which they happen; settings and fault rules
// Gives     answers, with the faults that only a transport can play; what was billed, by request content
// Promises  no I/O, no clock, no thread, no globals: the same seed, calls and instants give the same bytes. A create's
//           body is not kept: about 120 bytes a request are
// When it fails  it answers as the API does; a bad script is a Result that names the member
//
// Facts are those of the provider's OpenAPI document and of recorded traffic; texts are the recorded ones where there
// are any. What nobody recorded is decided here: cancel of an ended batch and an unknown cursor are 400 and 404, a
// second cancel changes nothing, a deleted batch is gone. `now` must not go back.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sim/call.hpp"
#include "sim/faults.hpp"
#include "sim/settings.hpp"
#include "sim/store.hpp"

namespace offpeak::sim {

class Exchange;

class Service {
 public:
  explicit Service(Settings settings, std::vector<FaultRule> faults = {});

  // One call, block by block: see Exchange. The service outlives the exchange and its answer's stream.
  std::unique_ptr<Exchange> begin(const Call& head, Instant now);
  // One call with its whole body.
  Answer handle(const Call& call, Instant now);

  const Settings& settings() const { return settings_; }
  void change(Settings settings) { settings_ = std::move(settings); }
  FaultBook& faults() { return faults_; }
  Store& store() { return store_; }
  // What is booked at `now`.
  const Totals& totals(Instant now);
  Content content(std::string_view params) const;

  // A stranger's batch.
  std::shared_ptr<Batch> add_foreign(std::uint32_t requests, Instant now, Maker maker = Maker::program);
  // Ends every batch that runs at `now`, everything processed.
  void end_all(Instant now);
  std::string next_request_id();

 private:
  Settings settings_;
  FaultBook faults_;
  Store store_;
  std::uint64_t calls_ = 0;
};

}  // namespace offpeak::sim
