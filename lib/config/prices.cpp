#include "config/prices.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "config/error_list.hpp"
#include "config/values.hpp"

namespace offpeak {

namespace {

constexpr double usd_per_million_max = 1'000'000;
constexpr std::int64_t tokens_max = 1'000'000'000;

struct Column {
  std::string_view name;
  std::int64_t RateCard::* member;
};
constexpr std::array<Column, 5> columns{{{"input", &RateCard::input},
                                         {"output", &RateCard::output},
                                         {"cache_write_5m", &RateCard::cache_write_5m},
                                         {"cache_write_1h", &RateCard::cache_write_1h},
                                         {"cache_read", &RateCard::cache_read}}};
constexpr std::array<std::string_view, 9> model_keys{"id",        "aliases", "above_prompt_tokens", "above",
                                                     "input",     "output",  "cache_write_5m",      "cache_write_1h",
                                                     "cache_read"};
constexpr std::array<std::string_view, 5> card_keys{"input", "output", "cache_write_5m", "cache_write_1h",
                                                    "cache_read"};
constexpr std::array<std::string_view, 2> top_keys{"dated", "model"};

class PriceReader {
 public:
  explicit PriceReader(std::string file_name) : file_name_(std::move(file_name)) {}
  void read(std::string_view text);
  std::variant<PriceTable, std::vector<ConfigError>> finish();

 private:
  void read_date(const toml::table& root);
  void read_model(const toml::table& model);
  std::vector<std::string> read_ids(const toml::table& model);
  RateCard read_card(const toml::table& table, std::string_view what);
  void check_keys(const toml::table& table, std::span<const std::string_view> known);
  void fail(const toml::source_region& region, std::string message, std::string hint = "") {
    errors_.add({file_name_, region.begin.line, region.begin.column, std::move(message), std::move(hint)});
  }

  std::string file_name_;
  PriceTable table_;
  ErrorList errors_;
};

void PriceReader::check_keys(const toml::table& table, std::span<const std::string_view> known) {
  for (const auto& [key, value] : table) {
    const auto name = key.str();
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    const auto nearest = nearest_word(name, known);
    fail(key.source(), fmt::format("unknown key {}", escape_for_display(name, 80)),
         nearest ? fmt::format("did you mean {}?", *nearest) : fmt::format("known are {}", fmt::join(known, ", ")));
  }
}

void PriceReader::read(std::string_view text) {
  toml::table root;
  try {
    root = toml::parse(text);
  } catch (const toml::parse_error& error) {
    fail(error.source(), escape_for_display(error.description(), 300), "the file is not valid TOML here");
    return;
  }
  check_keys(root, top_keys);
  read_date(root);
  const auto* models = root.get_as<toml::array>("model");
  if (models == nullptr) {
    if (const auto* other = root.get("model")) fail(other->source(), "model is a list of tables", "write [[model]]");
    return;
  }
  for (const auto& element : *models) {
    if (const auto* model = element.as_table()) {
      read_model(*model);
    } else {
      fail(element.source(), "a model is a table", "write [[model]]");
    }
  }
}

void PriceReader::read_date(const toml::table& root) {
  const auto* dated = root.get_as<std::string>("dated");
  if (dated != nullptr && parse_rfc3339(dated->get() + "T00:00:00Z")) {
    table_.dated = dated->get();
    return;
  }
  const auto* node = root.get("dated");
  fail(node != nullptr ? node->source() : toml::source_region{}, "dated is missing or is no date",
       "write the day on which the prices were read: dated = \"2026-11-21\"");
}

void PriceReader::read_model(const toml::table& model) {
  check_keys(model, model_keys);
  ModelPrice price;
  price.base = read_card(model, "the model");
  const auto* limit = model.get("above_prompt_tokens");
  const auto* above = model.get_as<toml::table>("above");
  if ((limit != nullptr) != (above != nullptr)) {
    fail(limit != nullptr ? limit->source() : model.source(), "above_prompt_tokens and [model.above] go together",
         "the second rate card is for prompts longer than above_prompt_tokens");
  } else if (limit != nullptr) {
    check_keys(*above, card_keys);
    price.above = read_card(*above, "[model.above]");
    const auto tokens = limit->value_exact<std::int64_t>().value_or(0);
    if (tokens < 1 || tokens > tokens_max) fail(limit->source(), "above_prompt_tokens must be a whole number above 0");
    price.above_prompt_tokens = tokens;
  }
  for (auto& id : read_ids(model)) {
    if (!table_.models.emplace(id, price).second) {
      fail(model.source(), fmt::format("{} has a price already", escape_for_display(id, 80)), "name each model once");
    }
  }
}

std::vector<std::string> PriceReader::read_ids(const toml::table& model) {
  std::vector<std::string> ids;
  const auto take = [&](const toml::node* node, const toml::source_region& region) {
    const auto* id = node != nullptr ? node->as_string() : nullptr;
    if (id != nullptr && !id->get().empty()) {
      ids.push_back(id->get());
    } else {
      fail(region, "a model's id must be a string that is not empty");
    }
  };
  const auto* id = model.get("id");
  take(id, id != nullptr ? id->source() : model.source());
  const auto* aliases = model.get("aliases");
  if (aliases == nullptr) return ids;
  if (const auto* list = aliases->as_array()) {
    for (const auto& alias : *list) take(&alias, alias.source());
  } else {
    fail(aliases->source(), "aliases must be a list of strings", "write it as [\"first\", \"second\"]");
  }
  return ids;
}

RateCard PriceReader::read_card(const toml::table& table, std::string_view what) {
  RateCard card;
  for (const auto& column : columns) {
    const auto* node = table.get(column.name);
    if (node == nullptr) {
      fail(table.source(), fmt::format("{} has no {}", what, column.name), "US dollars per million tokens");
      continue;
    }
    double usd = 0;
    if (const auto fault = take_usd(*node, usd)) {
      fail(node->source(), fmt::format("{} {}", column.name, fault->message), fault->hint);
      continue;
    }
    // A dollar a million tokens is a thousand nanodollars a token.
    const double nanos = usd * 1000;
    if (usd > usd_per_million_max || std::abs(nanos - std::round(nanos)) > 1e-6) {
      fail(node->source(), fmt::format("{} of {} cannot be kept", column.name, usd),
           "US dollars per million tokens, up to a million, with at most three decimals");
      continue;
    }
    card.*column.member = std::llround(nanos);
  }
  return card;
}

std::variant<PriceTable, std::vector<ConfigError>> PriceReader::finish() {
  if (errors_.empty()) return std::move(table_);
  return errors_.take();
}

}  // namespace

std::variant<PriceTable, std::vector<ConfigError>> parse_prices(std::string_view text, const std::string& file_name) {
  PriceReader reader(file_name);
  reader.read(text);
  return reader.finish();
}

}  // namespace offpeak
