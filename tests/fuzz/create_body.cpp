// The body of a create call as the simulated provider reads it: the same verdict and requests in whatever blocks, and no
// body accepted that is not one by the reference reader. A simulator that takes what the API refuses hides our bugs. The
// same bytes as a script of faults.
#include <algorithm>
#include <utility>

#include "fuzz.hpp"
#include "reference_json.hpp"
#include "sim/create_parser.hpp"
#include "sim/script.hpp"

namespace offpeak::fuzz {
namespace {

struct Taken final : sim::RequestSink {
  void take_request(std::string_view custom_id, std::string_view params) override {
    requests.emplace_back(custom_id, params);
  }
  std::vector<std::pair<std::string, std::string>> requests;
};

struct Verdict {
  std::vector<std::pair<std::string, std::string>> requests;
  std::optional<std::string> fault;
  std::uint32_t count = 0;
  bool too_large = false;
  bool operator==(const Verdict&) const = default;
};

Verdict read(std::string_view text, std::size_t block_bytes, std::uint64_t most_bytes) {
  Taken taken;
  sim::CreateParser parser(taken, most_bytes);
  for (auto rest = text; !rest.empty(); rest.remove_prefix(std::min(block_bytes, rest.size()))) {
    parser.take(rest.substr(0, block_bytes));
  }
  parser.finish();
  require(parser.bytes() == text.size(), "every byte is counted", text);
  require(parser.too_large() == (text.size() > most_bytes), "the limit is the limit", text);
  return {std::move(taken.requests), parser.fault(), parser.requests(), parser.too_large()};
}

bool is_request(const ReferenceValue& request) {
  const auto* id = request.last("custom_id");
  const auto* params = request.last("params");
  return request.is_object() && id != nullptr && id->is_string() && params != nullptr && params->is_object();
}

void check_accepted(std::string_view text, const Verdict& verdict) {
  const auto document = read_reference(text);
  require(document && document->root.is_object(), "what is accepted is a JSON object", text);
  const auto* requests = document->root.last("requests");
  require(requests != nullptr && requests->kind == ReferenceKind::array, "it has requests", text);
  if (document->root.keys.size() > 1) return;
  require(requests->members.size() == verdict.count && verdict.requests.size() == verdict.count,
          "every request is taken", text);
  for (std::size_t i = 0; i < verdict.count; ++i) {
    const auto& request = requests->members[i];
    require(is_request(request), "a request has an id and params", text);
    if (request.has_twin_keys()) continue;
    require(verdict.requests[i].first == request.first("custom_id")->text &&
                verdict.requests[i].second == request.first("params")->raw,
            "a request is taken as it stands", text);
  }
}

}  // namespace
}  // namespace offpeak::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace offpeak;
  using namespace offpeak::fuzz;
  const auto text = as_text(data, size);
  const auto whole = read(text, text.size() + 1, 60'000);
  for (const std::size_t block_bytes : {1U, 3U, 64U}) {
    require(read(text, block_bytes, 60'000) == whole, "the blocks do not matter", text);
  }
  if (!whole.fault && !whole.too_large) check_accepted(text, whole);
  const auto script = sim::parse_script(text, sim::Settings());
  if (!script) require(is_displayable(script.error().message), "a refusal can be shown", script.error().message);
  return 0;
}
