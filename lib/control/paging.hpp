// Lists on the socket: {"data":[...],"next":"<cursor>"|null}, ?state=&limit=&after=. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "control/target.hpp"
#include "queue/rows.hpp"

namespace offpeak {

inline constexpr std::uint32_t list_limit_max = 1000;

// `states` are the words that ?state= may be. The failure's message and hint are a 400's.
Result<ListOptions> parse_list_options(const QueryMembers& query, std::span<const std::string_view> states);

// What to ask the queue for, so that one row more tells whether there is a next page.
ListOptions one_more(ListOptions options);

// The first `limit` of `rows`, each made JSON by `show`; the cursor is the last one's id where there are more.
template <class Row, class Show>
std::string list_document(const std::vector<Row>& rows, std::uint32_t limit, Show show) {
  std::string text = R"({"data":[)";
  std::size_t count = 0;
  for (; count < rows.size() && count < limit; ++count) {
    if (count != 0) text += ',';
    text += show(rows[count]);
  }
  text += R"(],"next":)";
  text += rows.size() > count && count != 0 ? '"' + std::to_string(rows[count - 1].id.value) + '"' : "null";
  return text + '}';
}

}  // namespace offpeak
