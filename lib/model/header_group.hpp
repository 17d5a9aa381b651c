// Which headers a create call carries. Requests of different headers never share a batch.
#pragma once

#include <compare>
#include <string>
#include <vector>

namespace offpeak {

struct HeaderGroup {
  std::string version;             // anthropic-version
  std::vector<std::string> betas;  // anthropic-beta, in order
  auto operator<=>(const HeaderGroup&) const = default;
};

// The betas joined by a comma without a space, as the header carries them; and back.
std::string join_betas(const std::vector<std::string>& betas);
std::vector<std::string> split_betas(const std::string& joined);

}  // namespace offpeak
