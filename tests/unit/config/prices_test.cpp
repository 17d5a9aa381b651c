// The price table: the shipped one, and what is said about a faulty one.
#include "config/prices.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "config/load.hpp"

namespace offpeak {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

PriceTable shipped_table() {
  auto parsed = parse_prices(shipped_prices(), "prices.toml");
  const auto* errors = std::get_if<1>(&parsed);
  EXPECT_EQ(errors, nullptr) << to_text(errors->front());
  return errors == nullptr ? std::get<0>(std::move(parsed)) : PriceTable();
}

std::vector<std::string> errors_of(std::string_view text) {
  std::vector<std::string> texts;
  const auto parsed = parse_prices(text, "p.toml");
  if (const auto* errors = std::get_if<1>(&parsed)) {
    for (const auto& error : *errors) texts.push_back(to_text(error));
  }
  return texts;
}

constexpr auto card = "input = 1\noutput = 2\ncache_write_5m = 3\ncache_write_1h = 4\ncache_read = 5\n";

TEST(Prices, TheShippedTableIsDatedAndHoldsNanodollarsPerToken) {
  const auto table = shipped_table();
  EXPECT_EQ(table.dated, "2026-11-21");
  EXPECT_EQ(table.models.size(), 25U);
  EXPECT_EQ(table.models.at("claude-opus-5").base, (RateCard{5000, 6250, 10000, 500, 25000}));
  EXPECT_EQ(table.models.at("claude-fable-5-1").base, (RateCard{10000, 12500, 20000, 250, 50000}));
  EXPECT_EQ(table.models.at("claude-haiku-5-5").base, (RateCard{100, 125, 200, 10, 500}));
  EXPECT_EQ(table.models.at("claude-haiku-4-5-20251001").base, table.models.at("claude-haiku-4-5").base);
  EXPECT_EQ(table.models.count("claude-fable-5-2"), 0U);
}

TEST(Prices, ALongPromptTakesTheSecondCardAsAWhole) {
  const auto table = shipped_table();
  const auto& haiku = table.models.at("claude-haiku-5-5");
  EXPECT_EQ(haiku.above_prompt_tokens, 100'000);
  EXPECT_EQ(haiku.above, (RateCard{500, 625, 1000, 50, 2500}));
  Usage usage;
  usage.input_tokens = 100'000;
  EXPECT_EQ(batch_cost(table, "claude-haiku-5-5", usage), 5'000'000);
  usage.input_tokens = 100'001;
  EXPECT_EQ(batch_cost(table, "claude-haiku-5-5", usage), 25'000'250);
}

TEST(Prices, EveryShippedModelFollowsTheGeneralRuleForCacheWrites) {
  for (const auto& [id, price] : shipped_table().models) {
    EXPECT_NEAR(static_cast<double>(price.base.cache_write_5m), 1.25 * static_cast<double>(price.base.input), 0.5)
        << id;
    EXPECT_EQ(price.base.cache_write_1h, 2 * price.base.input) << id;
    EXPECT_EQ(price.base.output, 5 * price.base.input) << id;
  }
}

TEST(Prices, AFaultyTableSaysWhatAndWhere) {
  const auto model = fmt::format("dated = \"2026-01-01\"\n[[model]]\nid = \"m\"\n{}", card);
  EXPECT_THAT(errors_of(model), testing::IsEmpty());
  EXPECT_THAT(errors_of(card), testing::Contains(HasSubstr("p.toml:1:1: unknown key input")));
  EXPECT_THAT(errors_of(""), ElementsAre(HasSubstr("dated is missing")));
  EXPECT_THAT(errors_of("dated = \"2026-02-30\""), ElementsAre(HasSubstr("1:9: dated is missing or is no date")));
  EXPECT_THAT(errors_of(model + model.substr(model.find('\n'))), ElementsAre(HasSubstr("m has a price already")));
  EXPECT_THAT(errors_of(model + "inputs = 3\n"),
              ElementsAre(HasSubstr("unknown key inputs (hint: did you mean input?)")));
  EXPECT_THAT(errors_of(model + "aliases = [\"m\"]\n"), ElementsAre(HasSubstr("m has a price already")));
  EXPECT_THAT(errors_of(model + "aliases = \"n\"\n"), ElementsAre(HasSubstr("must be a list of strings")));
  EXPECT_THAT(errors_of(model + "above_prompt_tokens = 5\n"), ElementsAre(HasSubstr("go together")));
  EXPECT_THAT(errors_of(model + "above_prompt_tokens = 0\n[model.above]\n" + card), ElementsAre(HasSubstr("above 0")));
  EXPECT_THAT(errors_of("dated = \"2026-01-01\"\n[model]\nid = \"m\"\n"), ElementsAre(HasSubstr("write [[model]]")));
  EXPECT_THAT(errors_of("dated = "), ElementsAre(testing::StartsWith("p.toml:1:")));
}

TEST(Prices, EveryColumnMustBeThereAndBeKeptExactly) {
  const auto with_input = [](std::string_view value) {
    return fmt::format(
        "dated = \"2026-01-01\"\n[[model]]\nid = \"m\"\noutput = 2\ncache_write_5m = 3\ncache_write_1h = 4\n"
        "cache_read = 5\n{}\n",
        value);
  };
  EXPECT_THAT(errors_of(with_input("")), ElementsAre(HasSubstr("the model has no input")));
  EXPECT_THAT(errors_of(with_input("input = \"1\"")), ElementsAre(HasSubstr("8:9: input must be a number")));
  EXPECT_THAT(errors_of(with_input("input = -1")), ElementsAre(HasSubstr("out of range")));
  EXPECT_THAT(errors_of(with_input("input = 0.0001")), ElementsAre(HasSubstr("cannot be kept")));
  EXPECT_THAT(errors_of(with_input("input = 0.025")), testing::IsEmpty());
}

}  // namespace
}  // namespace offpeak
