#include "daemon/cli/wait_view.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "daemon/cli/human.hpp"
#include "daemon/cli/table.hpp"

namespace offpeak::cli {

namespace {

constexpr std::size_t what_bytes_max = 1000;
constexpr std::size_t narrowest = 10;  // a line is never made shorter

}  // namespace

WaitView parse_wait(const JsonView& json) {
  WaitView wait;
  wait.kind = escape_for_display(json.text("kind"), 40);
  wait.what = escape_for_display(json.text("what"), what_bytes_max);
  wait.health = escape_for_display(json.text("health"), 40);
  wait.command = escape_for_display(json.text("command"), 200);
  wait.since = parse_rfc3339(json.text("since"));
  wait.until = parse_rfc3339(json.text("until"));
  wait.next_action_at = parse_rfc3339(json.text("next_action_at"));
  return wait;
}

std::string times_text(const WaitView& wait, Instant now) {
  std::string text;
  const auto add = [&text](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  if (wait.since && *wait.since <= now) add("since " + human_duration(now - *wait.since));
  if (wait.until && *wait.until > now) add("at the latest in " + human_duration(*wait.until - now));
  const bool same = wait.until == wait.next_action_at;
  if (wait.next_action_at && *wait.next_action_at > now && !same) {
    add("next in " + human_duration(*wait.next_action_at - now));
  }
  return text;
}

// A word that is longer than a line is cut into pieces: the rest of the screen stays in order.
std::string wrapped(std::string_view text, std::size_t width, std::size_t indent) {
  const auto room = width > indent + narrowest ? width - indent : narrowest;
  std::string lines;
  std::size_t used = 0;
  const auto new_line = [&] {
    lines += '\n' + std::string(indent, ' ');
    used = 0;
  };
  while (!text.empty()) {
    auto end = std::min(text.find(' '), text.size());
    auto word = text.substr(0, end);
    auto columns = display_width(word);
    if (used != 0 && used + 1 + columns > room) new_line();
    if (columns > room) {
      const auto piece = cut_to_width(word, room);
      lines += piece;
      text.remove_prefix(piece.size());
      new_line();
      continue;
    }
    lines += used == 0 ? "" : " ";
    used += (used == 0 ? 0 : 1) + columns;
    lines += word;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

}  // namespace offpeak::cli
