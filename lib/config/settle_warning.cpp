#include <fmt/format.h>

#include "base/text.hpp"
#include "config/config.hpp"
#include "model/limits.hpp"

namespace offpeak {

std::optional<std::string> settle_warning(const ProviderConfig& provider) {
  if (provider.settle_unknown >= settle_unknown_least) return std::nullopt;
  return fmt::format(
      "provider.settle_unknown = {} is shorter than {}: the last byte of a create may leave {} after its commit, "
      "arrive "
      "{} later and be listed {} after that; a batch that comes so late would be taken as not created, sent again and "
      "paid twice",
      to_text(provider.settle_unknown), to_text(settle_unknown_least), to_text(commit_to_last_byte_max),
      to_text(kernel_delivery_max), to_text(listing_margin));
}

}  // namespace offpeak
