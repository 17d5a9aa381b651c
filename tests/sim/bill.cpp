#include "sim/bill.hpp"

#include <fmt/format.h>

#include "base/json.hpp"
#include "sim/results.hpp"

namespace offpeak::simtest {

void Bill::forgive(const sim::Batch& batch) {
  if (batch.foreign || !forgiven_batches_.insert(batch.id).second) return;
  for (const auto& request : batch.requests()) {
    ++forgiven_[service_.store().tables.contents[request.content].digest];
  }
}

std::vector<std::string> Bill::check(Instant now) {
  const auto& totals = service_.totals(now);
  std::vector<std::string> found;
  if (totals.requests_billed == checked_billed_ && totals.requests_created == checked_created_) return found;
  checked_billed_ = totals.requests_billed;
  checked_created_ = totals.requests_created;
  const auto& contents = service_.store().tables.contents;
  for (std::uint32_t i = 0; i < contents.size(); ++i) {
    const auto& content = contents[i];
    if (content.created == 0) continue;
    const auto wanted = wanted_.find(content.digest);
    if (wanted == wanted_.end()) {
      found.push_back(fmt::format("request {} was sent, and nobody asked for these bytes", content.digest.hex()));
      continue;
    }
    const auto forgiven = forgiven_.find(content.digest);
    const auto allowed = wanted->second + (forgiven == forgiven_.end() ? 0 : forgiven->second);
    if (content.billed > allowed) {
      found.push_back(fmt::format("billed twice: request {} was paid for {} times, {} allowed", content.digest.hex(),
                                  content.billed, allowed));
    }
    if (allowed > 1) continue;
    if (content.overlapped) {
      found.push_back(fmt::format("request {} was in two batches that both might run it", content.digest.hex()));
    }
    if (content.created_after_billed) {
      found.push_back(fmt::format("request {} was sent again after it was paid for", content.digest.hex()));
    }
  }
  return found;
}

bool Bill::paid(const Digest128& digest) const {
  const auto& contents = service_.store().tables.contents;
  const auto index = contents.find(digest);
  return index && contents[*index].billed > 0;
}

const std::set<std::string>& Bill::answers(const Digest128& digest, Instant now) {
  read_answers(now);
  return answers_[digest];
}

void Bill::read_answers(Instant now) {
  auto& store = service_.store();
  for (const auto& batch : store.batches()) {
    if (batch->foreign || !batch->has_ended(now) || !read_batches_.insert(batch->number).second) continue;
    std::map<std::string, Digest128, std::less<>> ids;
    for (std::uint32_t i = 0; i < batch->requests().size(); ++i) {
      ids.emplace(batch->custom_id(i), store.tables.contents[batch->requests()[i].content].digest);
    }
    std::string text;
    sim::ResultsStream stream(batch, store.tables, {});
    for (auto block = stream.next(); !block.empty(); block = stream.next()) text += block;
    for (std::size_t at = 0; at < text.size();) {
      const auto end = std::min(text.find('\n', at), text.size());
      const auto line = std::string_view(text).substr(at, end - at);
      at = end + 1;
      const auto id = json_member(line, "custom_id");
      const auto value = json_member(line, "result");
      if (!id || !value) continue;
      if (const auto known = ids.find(json_decode_string(*id)); known != ids.end()) {
        answers_[known->second].insert(std::string(*value));
      }
    }
  }
}

}  // namespace offpeak::simtest
