#include "sim/bill.hpp"

#include <fmt/format.h>

#include "base/json.hpp"
#include "sim/results.hpp"

namespace offpeak::simtest {

void Bill::forgive(const sim::Batch& batch, Why why) {
  if (batch.foreign || !forgiven_ids_.insert(batch.id).second) return;
  forgiven_batches_.push_back({batch.id, why});
  for (auto* service : services_) {
    if (!service->store().find(batch.id)) continue;
    for (const auto& request : batch.requests()) {
      ++forgiven_[service->store().tables.contents[request.content].digest];
    }
  }
}

std::map<Digest128, Bill::Sum> Bill::sums() const {
  std::map<Digest128, Sum> sums;
  for (auto* service : services_) {
    const auto& contents = service->store().tables.contents;
    for (std::uint32_t i = 0; i < contents.size(); ++i) {
      const auto& content = contents[i];
      if (content.created == 0) continue;
      auto& sum = sums[content.digest];
      // In two workspaces at once, or sent to one after the other was paid.
      sum.overlapped = sum.overlapped || content.overlapped || (sum.open > 0 && content.open > 0);
      sum.created_after_billed = sum.created_after_billed || content.created_after_billed;
      sum.created += content.created;
      sum.billed += content.billed;
      sum.open += content.open;
    }
  }
  return sums;
}

std::vector<std::string> Bill::check(Instant now) {
  std::uint64_t billed = 0;
  std::uint64_t created = 0;
  for (auto* service : services_) {
    const auto& totals = service->totals(now);
    billed += totals.requests_billed;
    created += totals.requests_created;
  }
  std::vector<std::string> found;
  if (billed == checked_billed_ && created == checked_created_) return found;
  checked_billed_ = billed;
  checked_created_ = created;
  for (const auto& [digest, sum] : sums()) {
    const auto wanted = wanted_.find(digest);
    if (wanted == wanted_.end()) {
      found.push_back(fmt::format("request {} was sent, and nobody asked for these bytes", digest.hex()));
      continue;
    }
    const auto forgiven = forgiven_.find(digest);
    const auto allowed = wanted->second + (forgiven == forgiven_.end() ? 0 : forgiven->second);
    if (sum.billed > allowed) {
      found.push_back(
          fmt::format("billed twice: request {} was paid for {} times, {} allowed", digest.hex(), sum.billed, allowed));
    }
    if (allowed > 1) continue;
    if (sum.overlapped) {
      found.push_back(fmt::format("request {} was in two batches that both might run it", digest.hex()));
    }
    if (sum.created_after_billed) {
      found.push_back(fmt::format("request {} was sent again after it was paid for", digest.hex()));
    }
  }
  return found;
}

bool Bill::paid(const Digest128& digest) const {
  for (auto* service : services_) {
    const auto& contents = service->store().tables.contents;
    const auto index = contents.find(digest);
    if (index && contents[*index].billed > 0) return true;
  }
  return false;
}

const std::set<std::string>& Bill::answers(const Digest128& digest, Instant now) {
  read_answers(now);
  return answers_[digest];
}

void Bill::read_answers(Instant now) {
  for (auto* service : services_) {
    auto& store = service->store();
    for (const auto& batch : store.batches()) {
      if (batch->foreign || !batch->has_ended(now) || !read_batches_.insert(batch->id).second) continue;
      std::string text;
      sim::ResultsStream stream(batch, store.tables, {});
      for (auto block = stream.next(); !block.empty(); block = stream.next()) text += block;
      read_answers(store, *batch, text);
    }
  }
}

void Bill::read_answers(sim::Store& store, const sim::Batch& batch, std::string_view text) {
  std::map<std::string, Digest128, std::less<>> ids;
  for (std::uint32_t i = 0; i < batch.requests().size(); ++i) {
    ids.emplace(batch.custom_id(i), store.tables.contents[batch.requests()[i].content].digest);
  }
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    const auto line = text.substr(at, end - at);
    at = end + 1;
    const auto id = json_member(line, "custom_id");
    const auto value = json_member(line, "result");
    if (!id || !value) continue;
    if (const auto known = ids.find(json_decode_string(*id)); known != ids.end()) {
      answers_[known->second].insert(std::string(*value));
    }
  }
}

}  // namespace offpeak::simtest
