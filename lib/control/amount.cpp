#include "control/amount.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <memory>

#include "base/json.hpp"
#include "model/params.hpp"
#include "queue/claimed_params.hpp"

namespace offpeak {

namespace {

// More is not read for an answer of the status socket: then the number of requests is the amount.
constexpr std::size_t read_requests_max = 20'000;
constexpr std::uint64_t read_bytes_max = 128 * 1024 * 1024;

// The bounds of what was read, or nothing where it was too much, unreadable, or of a model without a price.
struct Bounds {
  Bounds(Files& files, std::string claimed, PriceTable table)
      : params(files, std::move(claimed)), prices(std::move(table)) {}

  void take(const JobBytes& job, const LineEntry& entry) {
    if (!known || entry.params_bytes == 0) return;
    bytes += entry.params_bytes;
    known = each.size() < read_requests_max && bytes <= read_bytes_max;
    if (!known) return;
    const auto read = params.read(job, entry);
    const auto bound = read ? cost_bound(prices, *read, job.defaults) : std::nullopt;
    known = bound.has_value();
    if (known) each.push_back(*bound);
  }

  ClaimedParams params;
  PriceTable prices;
  std::vector<Nanodollars> each;
  std::uint64_t bytes = 0;
  bool known = true;
};
using SharedBounds = std::shared_ptr<Bounds>;

SharedBounds make_bounds(ControlContext& context) {
  const auto* prices = context.hooks.prices ? context.hooks.prices() : nullptr;
  auto bounds = std::make_shared<Bounds>(context.doors.files, context.folders.claimed, prices ? *prices : PriceTable());
  bounds->known = prices != nullptr;
  return bounds;
}

Nanodollars sum_of(const std::vector<Nanodollars>& each, std::size_t count) {
  Nanodollars sum = 0;
  for (std::size_t i = 0; i < std::min(count, each.size()); ++i) {
    if (__builtin_add_overflow(sum, each[i], &sum)) return std::numeric_limits<Nanodollars>::max();
  }
  return sum;
}

// Cents, rounded up: what is typed is never less than what it may cost.
std::string dollars(Nanodollars nanos) {
  constexpr Nanodollars cent = 10'000'000;
  const auto cents = nanos / cent + (nanos % cent != 0 ? 1 : 0);
  return fmt::format("{}.{:02}", cents / 100, cents % 100);
}

// Every request without an outcome, a segment at a time.
Task<SharedBounds> bounds_of_open(ControlContext& context) {
  auto bounds = make_bounds(context);
  const auto jobs =
      co_await context.doors.database.read([](const Queue& queue) { return queue.jobs_with_open_requests(); });
  for (const auto job : jobs) {
    std::optional<Seq> first = Seq{0};
    while (first && bounds->known) {
      const auto read = [job, from = *first](const Queue& queue) {
        return std::make_shared<const OpenLines>(queue.open_lines(job, from));
      };
      const auto open = co_await context.doors.database.read(read);
      first = open->next;
      const auto take = [bounds, open] {
        for (const auto& line : open->lines) bounds->take(open->job, line.entry);
      };
      co_await context.doors.file_worker.run(take);
    }
  }
  std::ranges::sort(bounds->each, std::greater());
  co_return bounds;
}

}  // namespace

std::string confirmation(const Amount& amount) {
  if (amount.at_most) return fmt::format("{}USD", dollars(*amount.at_most));
  return fmt::format("{}requests", amount.requests);
}

bool confirms(std::string_view typed, const Amount& amount) {
  std::string plain;
  for (const char c : typed) {
    if (c != ' ') plain += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  auto wanted = confirmation(amount);
  for (char& c : wanted) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return plain == wanted;
}

std::string describe(const Amount& amount) {
  const auto requests = fmt::format("{} request{}", amount.requests, amount.requests == 1 ? "" : "s");
  if (!amount.at_most) return requests;
  return fmt::format("{}, at most {} USD", requests, dollars(*amount.at_most));
}

std::optional<Nanodollars> cost_bound(const PriceTable& prices, std::string_view params, std::string_view defaults) {
  const auto member = [&](std::string_view key) {
    auto found = json_member(params, key);
    if (!found && !defaults.empty()) found = json_member(defaults, key);
    return found;
  };
  const auto model = member("model");
  const auto most = member("max_tokens");
  if (!model || json_kind(*model) != JsonKind::string || !most) return std::nullopt;
  const auto tokens = json_integer(*most);
  constexpr std::int64_t tokens_max = 1'000'000'000;
  if (!tokens || *tokens < 0 || *tokens > tokens_max) return std::nullopt;
  Usage usage;
  // The dearest way to read a prompt is to write it into the cache for an hour.
  usage.cache_creation_1h_input_tokens = static_cast<std::int64_t>(params.size() + defaults.size());
  usage.output_tokens = *tokens;
  usage.us_inference = true;
  return batch_cost(prices, json_decode_string(*model), usage);
}

Task<std::vector<Amount>> amounts_of(ControlContext& context, std::vector<UnexplainedBatch> batches) {
  std::vector<Amount> amounts;
  if (batches.empty()) co_return amounts;
  const auto bounds = co_await bounds_of_open(context);
  const auto status = co_await context.doors.database.read(
      [now = context.doors.clock.now()](const Queue& queue) { return queue.status(now); });
  auto open = status.counts[RequestState::pending] + status.counts[RequestState::assigned] +
              status.counts[RequestState::submitted];
  // What is being taken in is not counted yet.
  if (status.intakes > 0) open = std::numeric_limits<std::int64_t>::max();
  if (status.intakes > 0) bounds->known = false;
  for (const auto& batch : batches) {
    Amount amount;
    amount.requests = std::min(batch.requests, open);
    if (bounds->known) amount.at_most = sum_of(bounds->each, static_cast<std::size_t>(batch.requests));
    amounts.push_back(amount);
  }
  co_return amounts;
}

Task<Amount> amount_of(ControlContext& context, Intent intent) {
  Amount amount;
  amount.requests = intent.requests;
  auto bounds = make_bounds(context);
  const auto assignments =
      co_await context.doors.database.read([id = intent.id](const Queue& queue) { return queue.assignments(id); });
  for (const auto& assignment : assignments) {
    const auto end = assignment.range.first + assignment.range.count;
    for (Seq first = assignment.range.first; first < end && bounds->known; first += segment_entries) {
      const auto read = [range = assignment.range, first,
                         count = std::min(segment_entries, end - first)](const Queue& queue) {
        return std::make_shared<const std::pair<JobBytes, std::vector<LineEntry>>>(
            queue.job_bytes(range.job), queue.lines(range.job, first, count));
      };
      const auto found = co_await context.doors.database.read(read);
      const auto take = [bounds, found] {
        for (const auto& line : found->second) bounds->take(found->first, line);
      };
      co_await context.doors.file_worker.run(take);
    }
  }
  if (bounds->known) amount.at_most = sum_of(bounds->each, bounds->each.size());
  co_return amount;
}

}  // namespace offpeak
