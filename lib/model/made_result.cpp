#include "model/made_result.hpp"

#include <fmt/format.h>

#include "base/json.hpp"

namespace offpeak {

std::string made_error(std::string_view type, std::string_view message) {
  return fmt::format(
      R"({{"type":"errored","error":{{"type":"error","error":{{"type":"offpeak_{}","message":{},"line":null}},"request_id":null}}}})",
      type, json_quote(message));
}

}  // namespace offpeak
