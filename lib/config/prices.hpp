// The price table: dated data, shipped as config/prices.toml. Batch prices are half of what stands there.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/config.hpp"
#include "model/money.hpp"

namespace offpeak {

// Reads a price table. Keys: [[model]] id, aliases, input, output, cache_write_5m, cache_write_1h, cache_read (USD per
// million tokens, standard rate), and above_prompt_tokens + the same for a second rate card.
std::variant<PriceTable, std::vector<ConfigError>> parse_prices(std::string_view text, const std::string& file_name);

}  // namespace offpeak
