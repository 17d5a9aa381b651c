// Features: kinds of trouble that a seed may have beside the old ones, each by its name, so that a run can be had with
// one of them, with some or with all. A seed without any is what it was before there were features.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace offpeak::simtest {

enum class Feature : std::uint8_t {
  single,      // a lone small job, which nobody's bell but its own can end
  strangers,   // batches of another program and of a second offpeak, of our counts, beside ours at all times
  lists,       // lists that are cut short, of many pages, with odd entries, late by hours, with counts not yet tallied
  gateway,     // something between sends the body of a create twice
  workspaces,  // another key or origin, in force while a create is unknown, and later the old one again
  backups,     // a copy by the snapshot verbs while a create is unknown, put back after more jobs
  waits,       // judge: whatever waits says why
};
inline constexpr std::size_t feature_count = 7;

class Features {
 public:
  bool has(Feature feature) const { return on_[static_cast<std::size_t>(feature)]; }
  bool any() const;
  void add(Feature feature) { on_[static_cast<std::size_t>(feature)] = true; }
  // "all", "none", or names with commas between them; nothing where a name is not known.
  static std::optional<Features> parse(std::string_view names);
  // As parse() reads it.
  std::string text() const;

 private:
  std::array<bool, feature_count> on_{};
};

// What runs where nothing is asked for: what the code is known to withstand.
inline constexpr std::string_view default_features = "all";

}  // namespace offpeak::simtest
