#include "control/amount.hpp"

#include <gtest/gtest.h>

namespace offpeak {
namespace {

PriceTable prices() {
  PriceTable table;
  table.models["m"] = {RateCard{1000, 1250, 2000, 100, 5000}, std::nullopt, {}};
  return table;
}

TEST(CostBound, IsNeverBelowWhatTheRequestCanCost) {
  const std::string params = R"({"model":"m","max_tokens":1000,"messages":["twelve bytes"]})";
  const auto bound = cost_bound(prices(), params, "");
  ASSERT_TRUE(bound);
  Usage dearest;
  dearest.input_tokens = static_cast<std::int64_t>(params.size());
  dearest.output_tokens = 1000;
  EXPECT_GE(*bound, batch_cost(prices(), "m", dearest).value());
}

TEST(CostBound, TakesWhatALineLacksFromTheDefaults) {
  EXPECT_TRUE(cost_bound(prices(), R"({"max_tokens":5})", R"({"model":"m"})"));
  EXPECT_EQ(cost_bound(prices(), R"({"model":"x","max_tokens":5})", R"({"model":"m"})"), std::nullopt)
      << "the line's own model wins, and it has no price";
  EXPECT_EQ(cost_bound(prices(), R"({"model":"m"})", ""), std::nullopt);
  EXPECT_EQ(cost_bound(prices(), R"({"model":"m","max_tokens":1e9})", ""), std::nullopt);
}

TEST(Amount, IsTypedAsItIsNamed) {
  const Amount dollars{3, 1'234'560'001};
  EXPECT_EQ(confirmation(dollars), "1.24USD") << "rounded up";
  EXPECT_TRUE(confirms("1.24USD", dollars));
  EXPECT_TRUE(confirms("1.24 usd", dollars));
  EXPECT_FALSE(confirms("1.23USD", dollars));
  EXPECT_FALSE(confirms("", dollars));
  const Amount requests{17, std::nullopt};
  EXPECT_EQ(confirmation(requests), "17requests");
  EXPECT_TRUE(confirms("17 Requests", requests));
  EXPECT_FALSE(confirms("17", requests));
  EXPECT_EQ(describe(Amount{1, std::nullopt}), "1 request");
}

}  // namespace
}  // namespace offpeak
