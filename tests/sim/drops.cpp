#include "sim/drops.hpp"

#include <fmt/format.h>

#include <array>

#include "base/json.hpp"
#include "model/params.hpp"
#include "unit/ingest/compressed.hpp"

namespace offpeak::simtest {

namespace {

constexpr std::string_view defaults = R"({"system":"Answer in one word.","max_tokens":32})";

std::string marker(const DropWishes& wishes, Random& random) {
  if (!wishes.markers || random.below(wishes.often_marked ? 2 : 8) != 0) return "";
  static constexpr std::array<std::string_view, 12> markers{
      "[[expired:1]]",
      "[[expired:2]]",
      "[[expired]]",
      "[[errored:overloaded_error:2]]",
      "[[errored:api_error:1]]",
      "[[errored:api_error]]",
      "[[errored:invalid_request_error]]",
      "[[errored:not_found_error]]",
      "[[stop:max_tokens]]",
      "[[errored:some_new_error:1]]",
      "[[400]]",
      "[[canceled:1]]",
  };
  if (wishes.account_markers && random.below(6) == 0) return "[[errored:credit:1]]";
  return std::string(markers[random.below(markers.size())]);
}

struct Shape {
  bool defaults = false;
  bool skip = false;
  bool requests_array = false;
  bool gzip = false;
  enum class Fault : std::uint8_t { none, bad_line, same_id, suffix, empty } fault = Fault::none;
};

Shape make_shape(Random& random) {
  Shape shape;
  shape.defaults = random.below(5) == 0;
  shape.requests_array = random.below(8) == 0;
  shape.gzip = random.below(6) == 0;
  if (random.below(7) == 0) shape.fault = static_cast<Shape::Fault>(1 + random.below(4));
  if (!shape.requests_array && shape.fault == Shape::Fault::none) shape.skip = random.below(5) == 0;
  return shape;
}

std::string options_of(const Shape& shape, Random& random, bool rerun) {
  std::string options;
  const auto add = [&](std::string text) { options += (options.empty() ? "" : ",") + std::move(text); };
  if (shape.defaults) add(fmt::format(R"("defaults":{})", defaults));
  if (shape.skip) add(R"("on_invalid":"skip")");
  if (random.below(3) == 0) add(fmt::format(R"("priority":{})", random.below(5)));
  if (random.below(6) == 0) add(R"("anthropic_beta":["context-1m-2025-08-07"])");
  if (random.below(6) == 0) add(fmt::format(R"("max_attempts":{})", 1 + random.below(5)));
  if (random.below(10) == 0) add(R"("hold":true)");
  if (rerun) add(R"("rerun":true)");
  return options.empty() ? "" : fmt::format(R"({{"offpeak":{{{}}}}})", options);
}

}  // namespace

Drop make_drop(int number, const DropWishes& wishes, Random& random) {
  Drop drop;
  drop.number = number;
  auto shape = make_shape(random);
  if (wishes.good) shape.fault = Shape::Fault::none;
  if (wishes.good) shape.skip = false;
  const auto most = static_cast<std::uint64_t>(random.below(4) == 0 ? 3 : wishes.most_requests);
  const auto drawn = 1 + random.below(most);
  const auto count = wishes.requests.value_or(drawn);
  const auto fault_at = random.below(count);
  std::vector<std::string> requests;
  for (std::uint64_t i = 0; i < count && shape.fault != Shape::Fault::empty; ++i) {
    const bool bad = shape.fault == Shape::Fault::bad_line && i == fault_at;
    if (bad || (shape.skip && random.below(6) == 0)) {
      const bool readable = random.below(2) == 0;
      ExpectedLine line;
      line.skipped = true;
      line.custom_id = readable ? fmt::format("\"bad{}\"", i) : "null";
      drop.lines.push_back(line);
      requests.push_back(readable ? fmt::format(R"({{"custom_id":"bad{}","params":{{}}}})", i) : "{]");
      continue;
    }
    const auto mark = marker(wishes, random);
    ExpectedLine line;
    const bool same_id = shape.fault == Shape::Fault::same_id && i == count - 1 && i > 0;
    line.custom_id = fmt::format("\"r{}\"", same_id ? 0 : i);
    line.marked = !mark.empty();
    const auto params =
        fmt::format(R"({{"model":"claude-haiku-4-5","max_tokens":64,"messages":[{{"role":"user","content":{}}}]}})",
                    json_quote(fmt::format("seed {} drop {} request {} {}", wishes.seed, number, i, mark)));
    line.digest = digest128(shape.defaults ? merge_defaults(params, defaults) : params);
    drop.lines.push_back(line);
    requests.push_back(fmt::format(R"({{"custom_id":{},"params":{}}})", line.custom_id, params));
  }
  drop.rerun = random.below(6) == 0;
  const auto options = options_of(shape, random, drop.rerun);
  if (shape.requests_array) {
    for (const auto& request : requests) drop.content += (drop.content.empty() ? "" : ",") + request;
    const auto beside = options.empty() ? "" : options.substr(1, options.size() - 2) + ",";
    drop.content = fmt::format(R"({{{}"requests":[{}]}})", beside, drop.content);
  } else {
    if (!options.empty()) drop.content += options + "\n";
    for (const auto& request : requests) drop.content += request + "\n";
  }
  const bool single = shape.fault == Shape::Fault::same_id && count == 1;
  drop.bad = shape.fault != Shape::Fault::none && !single;
  drop.name = fmt::format("d{}.{}", number,
                          shape.fault == Shape::Fault::suffix ? "csv"
                          : shape.requests_array              ? "json"
                                                              : "jsonl");
  drop.plain = drop.content;
  if (shape.gzip) {
    drop.content = gzip(drop.content);
    drop.name += ".gz";
  }
  drop.synced = random.below(4) != 0;
  return drop;
}

Drop make_copy(const Drop& original, int number) {
  Drop copy;
  copy.number = number;
  copy.name = fmt::format("d{}{}", number, original.name.substr(original.name.find('.')));
  copy.content = original.content;
  copy.plain = original.plain;
  copy.lines = original.lines;
  copy.bad = original.bad;
  return copy;
}

}  // namespace offpeak::simtest
