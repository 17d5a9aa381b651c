#include "daemon/cli/pages.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace offpeak::cli {

namespace {
constexpr std::int64_t page_items = 500;
}

std::optional<int> for_each_item(Cli& cli, const std::string& path, const std::string& query, std::int64_t most,
                                 const std::function<void(const JsonView&)>& each) {
  std::string after;
  for (std::int64_t seen = 0; most == 0 || seen < most;) {
    const auto limit = most == 0 ? page_items : std::min(page_items, most - seen);
    const auto cursor = after.empty() ? "" : "&after=" + percent_encode(after);
    const auto answer = ask(cli, "GET", fmt::format("{}?limit={}{}{}", path, limit, query, cursor));
    if (answer.failed) return answer.failed;
    for (const auto& item : answer.json().array("data")) {
      each(item);
      ++seen;
    }
    after = answer.json().text("next");
    if (after.empty()) break;
  }
  return std::nullopt;
}

}  // namespace offpeak::cli
