#include "control/small_body.hpp"

#include <fmt/format.h>

namespace offpeak {

Task<Result<std::string>> read_small_body(CallBody* body, std::size_t most_bytes) {
  std::string text;
  while (body != nullptr) {
    const auto block = co_await body->next_block();
    if (!block) co_return block.error();
    if (block->empty()) break;
    text += *block;
    if (text.size() > most_bytes) {
      co_return make_error(ErrorKind::refused, fmt::format("the body is longer than {} bytes", most_bytes));
    }
  }
  co_return text;
}

}  // namespace offpeak
