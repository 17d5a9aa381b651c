// The batch that a create call would make, while its body is still being read: nothing of it is in the ledger
// yet.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "sim/create_parser.hpp"
#include "sim/faults.hpp"
#include "sim/settings.hpp"
#include "sim/store.hpp"

namespace offpeak::sim {

class Draft final : public RequestSink {
 public:
  // `output_300k`: the beta that lifts the cap on max_tokens.
  Draft(const Settings& settings, Store& store, bool output_300k);

  void take(std::string_view block) { parser_.take(block); }
  void take_request(std::string_view custom_id, std::string_view params) override;

  // Behind the last block: the API's message of a 400, or nothing where the batch is acceptable.
  std::optional<std::string> finish();
  bool too_large() const { return parser_.too_large(); }
  // Turns rows into errored ones.
  void apply(const RowError& error);
  std::shared_ptr<Batch> batch() const { return batch_; }

 private:
  std::uint32_t intern_error(std::string_view type, std::string_view message, bool by_worker);
  std::optional<std::string> refusal();

  const Settings& settings_;
  Store& store_;
  std::int64_t most_tokens_;
  CreateParser parser_;
  std::shared_ptr<Batch> batch_;  // shared with the store and with downloads
  // The request that a [[400]] marker is in.
  std::optional<std::uint32_t> refused_index_;
  bool refused_by_name_ = false;
};

}  // namespace offpeak::sim
