#include <fmt/format.h>

#include "base/text.hpp"
#include "control/handlers.hpp"
#include "control/paging.hpp"
#include "control/problem.hpp"
#include "control/shapes.hpp"

namespace offpeak {

Task<Reply> list_rejected(ControlContext& context, RoutedCall call) {
  const auto options = parse_list_options(call.target.query, {});
  if (!options) co_return to_reply(bad_request(options.error().message, options.error().hint));
  const std::string file(call.query("file").value_or(""));
  const auto read = [wanted = one_more(*options), file](const Queue& queue) { return queue.rejected(wanted, file); };
  const auto rows = co_await context.doors.database.read(read);
  co_return json_reply(list_document(rows, options->limit, [](const RejectedFile& row) { return to_json(row); }));
}

Task<Reply> see_rejected(ControlContext& context, RoutedCall call) {
  const auto& text = call.parameters.at(0);
  const RejectedId id(parse_integer(text).value_or(0));
  const auto write = [id](Queue& queue) { return queue.see_rejected(id); };
  const auto seen = co_await context.doors.database.write(write);
  if (!seen) {
    co_return to_reply(not_found(fmt::format("no file was rejected under the number {}", escape_for_display(text, 60)),
                                 "offpeak rejected lists them"));
  }
  co_return json_reply(to_json(*seen));
}

}  // namespace offpeak
