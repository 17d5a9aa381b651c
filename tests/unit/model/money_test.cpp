// What one result cost, to the nanodollar.
#include "model/money.hpp"

#include <gtest/gtest.h>

namespace offpeak {
namespace {

PriceTable table() {
  PriceTable prices;
  prices.models["m"].base = {
      .input = 1000, .cache_write_5m = 1250, .cache_write_1h = 2000, .cache_read = 100, .output = 5000};
  prices.models["two"].base = {.input = 100, .output = 500};
  prices.models["two"].above = {.input = 500, .output = 2500};
  prices.models["two"].above_prompt_tokens = 1000;
  return prices;
}

TEST(BatchCost, IsHalfOfEveryColumn) {
  EXPECT_EQ(batch_cost(table(), "m", {.input_tokens = 2}), 1000);
  EXPECT_EQ(batch_cost(table(), "m", {.output_tokens = 2}), 5000);
  EXPECT_EQ(batch_cost(table(), "m", {.cache_creation_5m_input_tokens = 2}), 1250);
  EXPECT_EQ(batch_cost(table(), "m", {.cache_creation_1h_input_tokens = 2}), 2000);
  EXPECT_EQ(batch_cost(table(), "m", {.cache_read_input_tokens = 2}), 100);
  EXPECT_EQ(batch_cost(table(), "m", {}), 0);
  EXPECT_DOUBLE_EQ(to_usd(*batch_cost(table(), "m", {.input_tokens = 1'000'000})), 0.5);
}

TEST(BatchCost, SearchesCostTheirFullPrice) {
  EXPECT_EQ(batch_cost(table(), "m", {.web_search_requests = 3}), 30'000'000);
}

TEST(BatchCost, TheUsCostATenthMoreForTokensOnly) {
  EXPECT_EQ(batch_cost(table(), "m", {.input_tokens = 20, .web_search_requests = 1, .us_inference = true}),
            11'000 + 10'000'000);
}

TEST(BatchCost, ALongPromptIsCountedWithItsCache) {
  EXPECT_EQ(batch_cost(table(), "two", {.input_tokens = 1000, .output_tokens = 10}), (100'000 + 5'000) / 2);
  EXPECT_EQ(batch_cost(table(), "two", {.input_tokens = 1001, .output_tokens = 10}), (500'500 + 25'000) / 2);
  EXPECT_EQ(batch_cost(table(), "two", {.input_tokens = 1, .cache_read_input_tokens = 1000}), 250);
}

TEST(BatchCost, AnUnknownModelIsCountedNeverGuessed) {
  EXPECT_EQ(batch_cost(table(), "m-2", {.input_tokens = 1}), std::nullopt);
  EXPECT_EQ(batch_cost(table(), "", {}), std::nullopt);
}

TEST(BatchCost, StaysExactForTheLargestRequest) {
  const Usage largest{.input_tokens = 10'000'000, .output_tokens = 10'000'000, .us_inference = true};
  EXPECT_EQ(batch_cost(table(), "m", largest), (10'000'000LL * 6000) / 2 * 11 / 10);
}

}  // namespace
}  // namespace offpeak
