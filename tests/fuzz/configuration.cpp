// The configuration file, and --set overrides behind a line "--set". A Config that comes out is within every range;
// errors can be shown on a terminal. The same bytes as a price table.
#include "config/base_url.hpp"
#include "config/config.hpp"
#include "config/prices.hpp"
#include "fuzz.hpp"
#include "model/limits.hpp"

namespace offpeak::fuzz {
namespace {

constexpr std::string_view override_mark = "--set\n";

void check_errors(const std::vector<ConfigError>& errors) {
  require(!errors.empty(), "no Config without an error");
  for (const auto& error : errors) {
    require(!error.message.empty(), "an error says what is wrong");
    require(is_displayable(to_text(error)), "an error can be shown", to_text(error));
  }
}

bool is_wait(Duration duration) { return duration.count() >= 0 && duration <= std::chrono::days(36'525); }

bool is_header_value(std::string_view text) {
  for (const char c : text) {
    if (c <= 0x20 || c >= 0x7F || c == ',') return false;
  }
  return !text.empty();
}

bool is_path(std::string_view path) { return !path.empty() && path.find('\0') == path.npos && path.front() == '/'; }

void check_paths(const Config& config) {
  const auto& paths = config.paths;
  require(is_path(paths.spool) && is_path(paths.state) && is_path(paths.socket), "paths are absolute");
  require(paths.socket.size() <= 107, "the socket's path fits sun_path", paths.socket);
  require(is_path(config.money.prices), "the price table's path is absolute", config.money.prices);
  require(config.provider.ca_file.empty() || is_path(config.provider.ca_file), "the CA file's path is absolute");
}

void check_provider(const ProviderConfig& provider) {
  require(!fault_of_base_url(provider.base_url), "the base URL is good", provider.base_url);
  require(is_displayable(provider.base_url), "the base URL can go into a header", provider.base_url);
  require(is_header_value(provider.version), "the version can go into a header", provider.version);
  for (const auto& beta : provider.betas) require(is_header_value(beta), "a beta can go into a header", beta);
  require(is_wait(provider.connect_timeout) && is_wait(provider.answer_timeout) && is_wait(provider.settle_unknown),
          "timeouts are in range");
}

void check_config(const Config& config) {
  check_paths(config);
  check_provider(config.provider);
  const auto& batch = config.batch;
  require(batch.max_requests >= 1 && batch.max_requests <= batch_requests_max, "batch.max_requests is in range");
  require(batch.max_bytes >= 1000 && batch.max_bytes <= batch_bytes_max, "batch.max_bytes is in range");
  require(batch.max_open_batches >= 1 && batch.max_queued_requests >= 1, "batch counts are in range");
  require(is_wait(batch.linger), "batch.linger is in range");
  require(config.retry.max_attempts >= 1 && config.retry.max_attempts <= 1000, "retry.max_attempts is in range");
  require(is_wait(config.retry.backoff) && is_wait(config.retry.max_backoff), "backoffs are in range");
  require(is_wait(config.poll.min_interval) && config.poll.min_interval <= config.poll.max_interval &&
              is_wait(config.poll.max_interval),
          "poll intervals are in range and order");
  require(is_wait(config.intake.settle) && is_wait(config.intake.rescan), "intake waits are in range");
  require(config.intake.max_file_bytes >= 1 && config.intake.max_file_bytes <= 9'000'000'000'000'000'000U,
          "intake.max_file_bytes is in range");
  require(config.money.daily_cap_usd >= 0 && config.money.daily_cap_usd <= 1e9, "money.daily_cap_usd is in range");
  require(is_wait(config.retention.jobs), "retention.jobs is in range");
}

void check_prices(std::string_view text) {
  const auto parsed = parse_prices(text, "prices.toml");
  if (const auto* errors = std::get_if<std::vector<ConfigError>>(&parsed)) return check_errors(*errors);
  const auto most = std::int64_t{1'000'000'000};
  const auto good = [&](const RateCard& card) {
    for (const auto rate : {card.input, card.output, card.cache_read, card.cache_write_5m, card.cache_write_1h}) {
      if (rate < 0 || rate > most) return false;
    }
    return true;
  };
  for (const auto& [id, price] : std::get<PriceTable>(parsed).models) {
    require(!id.empty() && good(price.base) && good(price.above), "prices are in range", id);
  }
}

}  // namespace
}  // namespace offpeak::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace offpeak;
  using namespace offpeak::fuzz;
  const auto text = as_text(data, size);
  const auto mark = text.find(override_mark);
  std::vector<std::string> overrides;
  for (auto rest = mark == text.npos ? "" : text.substr(mark + override_mark.size()); !rest.empty();) {
    overrides.emplace_back(take_line(rest));
  }
  const auto parsed = parse_config(text.substr(0, mark), "offpeak.toml", "/etc/offpeak", overrides);
  if (const auto* config = std::get_if<Config>(&parsed)) {
    check_config(*config);
  } else {
    check_errors(std::get<std::vector<ConfigError>>(parsed));
  }
  check_prices(text);
  return 0;
}
