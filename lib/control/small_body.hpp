// A body that is small by contract, whole. Inside lib/control only.
#pragma once

#include <string>

#include "control/message.hpp"

namespace offpeak {

// `body` may be null: empty. ErrorKind::refused where it is longer than `most_bytes`.
Task<Result<std::string>> read_small_body(CallBody* body, std::size_t most_bytes);

}  // namespace offpeak
