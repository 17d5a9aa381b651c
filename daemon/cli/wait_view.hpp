// What something waits for, as people read it. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "daemon/cli/json_view.hpp"
#include "daemon/cli/output.hpp"

namespace offpeak::cli {

struct WaitView {
  std::string kind, what, health, command;  // safe to show; kind is empty where nothing is waited for
  std::optional<Instant> since, until, next_action_at;
};

WaitView parse_wait(const JsonView& json);

// "since 4m 03s, at the latest in 23h 10m, next in 9s", or empty where no time is known.
std::string times_text(const WaitView& wait, Instant now);

// `text` in lines of at most `width` columns, each with `indent` spaces in front, but for the first one.
std::string wrapped(std::string_view text, std::size_t width, std::size_t indent);

}  // namespace offpeak::cli
