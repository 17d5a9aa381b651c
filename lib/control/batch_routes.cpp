#include <fmt/format.h>

#include <array>

#include "base/text.hpp"
#include "control/handlers.hpp"
#include "control/paging.hpp"
#include "control/problem.hpp"
#include "control/shapes.hpp"

namespace offpeak {

namespace {

constexpr std::array<std::string_view, 4> batch_states{"in_progress", "canceling", "ended", "collected"};

}  // namespace

Task<Reply> list_batches(ControlContext& context, RoutedCall call) {
  const auto options = parse_list_options(call.target.query, batch_states);
  if (!options) co_return to_reply(bad_request(options.error().message, options.error().hint));
  const auto read = [wanted = one_more(*options)](const Queue& queue) { return queue.batches(wanted); };
  const auto rows = co_await context.doors.database.read(read);
  co_return json_reply(list_document(rows, options->limit, [](const Batch& batch) { return to_json(batch); }));
}

Task<Reply> get_batch(ControlContext& context, RoutedCall call) {
  const auto read = [id = call.parameters.at(0)](const Queue& queue) {
    const auto number = parse_integer(id);
    return number ? queue.batch(BatchId(*number)) : queue.batch(id);
  };
  const auto batch = co_await context.doors.database.read(read);
  if (!batch) {
    const auto id = escape_for_display(call.parameters.at(0), 100);
    co_return to_reply(not_found(fmt::format("there is no batch {}", id), "offpeak batches lists them"));
  }
  co_return json_reply(to_json(*batch));
}

}  // namespace offpeak
