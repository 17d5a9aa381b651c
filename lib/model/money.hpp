// Money and usage: what one result cost. Pure. Money is held in nanodollars (int64): one token of the cheapest model at
// batch rate costs 50 of them, so that sums over millions of requests stay exact; a dollar is 10^9.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace offpeak {

using Nanodollars = std::int64_t;

constexpr double to_usd(Nanodollars nanos) { return static_cast<double>(nanos) / 1e9; }

// Of one message; a member the provider left out is 0.
struct Usage {
  std::int64_t input_tokens = 0;  // after the last cache breakpoint
  std::int64_t output_tokens = 0;
  std::int64_t cache_creation_5m_input_tokens = 0;
  std::int64_t cache_creation_1h_input_tokens = 0;
  std::int64_t cache_read_input_tokens = 0;
  std::int64_t web_search_requests = 0;
  bool us_inference = false;  // inference_geo "us": 1.1 times on all token columns
  bool operator==(const Usage&) const = default;
};

// Nanodollars per token at the standard rate (a dollar a million tokens is 1000).
struct RateCard {
  std::int64_t input = 0, cache_write_5m = 0, cache_write_1h = 0, cache_read = 0, output = 0;
  bool operator==(const RateCard&) const = default;
};

struct ModelPrice {
  RateCard base;
  std::optional<std::int64_t> above_prompt_tokens;  // a prompt longer than this takes `above` as a whole
  RateCard above;
};

struct PriceTable {
  std::string dated;                         // the day the prices were read, YYYY-MM-DD
  std::map<std::string, ModelPrice> models;  // by id and by alias
};

// Half the standard rate for tokens; web searches at $10 a thousand. Nothing for a model that is not in the table:
// unknown models are counted, never guessed.
std::optional<Nanodollars> batch_cost(const PriceTable& prices, std::string_view model, const Usage& usage);

}  // namespace offpeak
