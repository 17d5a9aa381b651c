#include "control/paging.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"

namespace offpeak {

Result<ListOptions> parse_list_options(const QueryMembers& query, std::span<const std::string_view> states) {
  ListOptions options;
  if (const auto state = query_member(query, "state")) {
    if (std::ranges::find(states, *state) == states.end()) {
      return make_error(ErrorKind::invalid, fmt::format("state={} is no state", escape_for_display(*state, 60)),
                        fmt::format("use one of {}", fmt::join(states, ", ")));
    }
    options.state = *state;
  }
  if (const auto limit = query_member(query, "limit")) {
    const auto number = parse_integer(*limit);
    if (!number || *number < 1 || *number > list_limit_max) {
      return make_error(ErrorKind::invalid, fmt::format("limit={} is out of range", escape_for_display(*limit, 60)),
                        fmt::format("use a number from 1 to {}", list_limit_max));
    }
    options.limit = static_cast<std::uint32_t>(*number);
  }
  if (const auto after = query_member(query, "after")) {
    const auto number = parse_integer(*after);
    if (!number || *number < 0) {
      return make_error(ErrorKind::invalid, fmt::format("after={} is no cursor", escape_for_display(*after, 60)),
                        "pass back what the last page gave as \"next\"");
    }
    options.after = *number;
  }
  return options;
}

ListOptions one_more(ListOptions options) {
  ++options.limit;
  return options;
}

}  // namespace offpeak
