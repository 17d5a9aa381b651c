// Reads what can be read of a JSON object that may be cut off or broken anywhere. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace offpeak {

struct SalvagedStrings {
  std::optional<std::string> id,
      type;  // members of the outermost object, complete strings only; the first of each
};
SalvagedStrings salvage_strings(std::string_view text);

}  // namespace offpeak
