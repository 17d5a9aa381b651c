// Walks a list of the socket page by page.
#pragma once

#include "daemon/cli/cli.hpp"

namespace offpeak::cli {

// Gives `each` every item of /v1/<name>?<query>, at most `most` of them (0: all). Nothing, or the exit code of what
// failed and was told.
std::optional<int> for_each_item(Cli& cli, const std::string& path, const std::string& query, std::int64_t most,
                                 const std::function<void(const JsonView&)>& each);

}  // namespace offpeak::cli
