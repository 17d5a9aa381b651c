// The ledger as JSON: totals, batches, and every content with how often it was created and billed.
#pragma once

#include <cstdint>
#include <string>

#include "sim/call.hpp"
#include "sim/store.hpp"

namespace offpeak::sim {

std::string totals_json(const Totals& totals, std::uint64_t faults_fired);
std::string content_json(const Content& content);

enum class LedgerPart : std::uint8_t { all, created_twice };

// {"totals":{...},"batches":[...],"contents":[...]}, made while it is sent. `store` outlives it and may grow
// meanwhile.
class LedgerStream final : public BodyStream {
 public:
  LedgerStream(const Store& store, std::string totals, LedgerPart part, Instant now);
  std::string_view next() override;

 private:
  enum class Stage : std::uint8_t { batches, contents, end };
  void append_batch();
  void append_content();

  const Store& store_;
  LedgerPart part_;
  Instant now_;
  Stage stage_ = Stage::batches;
  std::size_t at_ = 0;
  bool first_ = true;
  std::string block_;
};

}  // namespace offpeak::sim
