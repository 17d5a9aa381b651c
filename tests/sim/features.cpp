#include "sim/features.hpp"

#include <algorithm>

namespace offpeak::simtest {

namespace {

constexpr std::array<std::string_view, feature_count> names{"single",     "strangers", "lists", "gateway",
                                                            "workspaces", "backups",   "waits"};

}  // namespace

bool Features::any() const {
  return std::any_of(on_.begin(), on_.end(), [](bool on) { return on; });
}

std::optional<Features> Features::parse(std::string_view text) {
  Features features;
  if (text == "none") return features;
  if (text == "all") {
    features.on_.fill(true);
    return features;
  }
  while (!text.empty()) {
    const auto name = text.substr(0, text.find(','));
    text.remove_prefix(std::min(name.size() + 1, text.size()));
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) return std::nullopt;
    features.add(static_cast<Feature>(found - names.begin()));
  }
  return features;
}

std::string Features::text() const {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!on_[i]) continue;
    text += (text.empty() ? "" : ",") + std::string(names[i]);
  }
  return text.empty() ? "none" : text;
}

}  // namespace offpeak::simtest
