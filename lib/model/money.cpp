#include "model/money.hpp"

namespace offpeak {

std::optional<Nanodollars> batch_cost(const PriceTable& prices, std::string_view model, const Usage& usage) {
  const auto found = prices.models.find(std::string(model));
  if (found == prices.models.end()) return std::nullopt;
  const auto& price = found->second;
  const auto prompt_tokens = usage.input_tokens + usage.cache_creation_5m_input_tokens +
                             usage.cache_creation_1h_input_tokens + usage.cache_read_input_tokens;
  const bool long_prompt = price.above_prompt_tokens && prompt_tokens > *price.above_prompt_tokens;
  const RateCard& card = long_prompt ? price.above : price.base;
  std::int64_t standard = usage.input_tokens * card.input + usage.cache_creation_5m_input_tokens * card.cache_write_5m +
                          usage.cache_creation_1h_input_tokens * card.cache_write_1h +
                          usage.cache_read_input_tokens * card.cache_read + usage.output_tokens * card.output;
  if (usage.us_inference) standard = standard / 10 * 11 + standard % 10 * 11 / 10;
  constexpr std::int64_t search_nanodollars = 10'000'000;  // $10 per 1,000
  return standard / 2 + usage.web_search_requests * search_nanodollars;
}

}  // namespace offpeak
