// The result value of an outcome that the provider never gave, in the provider's shape (product contract, 4).
#pragma once

#include <string>
#include <string_view>

namespace offpeak {

// `type` without the "offpeak_" before it.
std::string made_error(std::string_view type, std::string_view message);

}  // namespace offpeak
