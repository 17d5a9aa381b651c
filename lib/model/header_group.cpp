#include "model/header_group.hpp"

namespace offpeak {

std::string join_betas(const std::vector<std::string>& betas) {
  std::string joined;
  for (const auto& beta : betas) {
    if (!joined.empty()) joined += ',';
    joined += beta;
  }
  return joined;
}

std::vector<std::string> split_betas(const std::string& joined) {
  std::vector<std::string> betas;
  for (std::size_t at = 0; at < joined.size();) {
    const auto comma = std::min(joined.find(',', at), joined.size());
    if (comma > at) betas.push_back(joined.substr(at, comma - at));
    at = comma + 1;
  }
  return betas;
}

}  // namespace offpeak
