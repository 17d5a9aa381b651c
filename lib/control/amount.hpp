// What may be paid a second time where an operator dismisses a batch or an intent: an upper bound in dollars where the
// price table knows every model, else the number of requests. Inside lib/control only.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "control/context.hpp"

namespace offpeak {

struct Amount {
  std::int64_t requests = 0;
  std::optional<Nanodollars> at_most;
};

// As it must be typed: "0.42USD", or "17requests".
std::string confirmation(const Amount& amount);
// Upper and lower case and spaces do not matter.
bool confirms(std::string_view typed, const Amount& amount);
// For a sentence.
std::string describe(const Amount& amount);

// One request's bound: every byte of its prompt a token, and max_tokens of output. Nothing for a model without a price.
std::optional<Nanodollars> cost_bound(const PriceTable& prices, std::string_view params, std::string_view defaults);

// The amounts of unexplained batches: nobody knows which requests they ran, so each is as dear as the dearest waiting.
Task<std::vector<Amount>> amounts_of(ControlContext& context, std::vector<UnexplainedBatch> batches);
Task<Amount> amount_of(ControlContext& context, Intent intent);

}  // namespace offpeak
