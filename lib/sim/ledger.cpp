#include "sim/ledger.hpp"

#include <fmt/format.h>

#include "base/json.hpp"

namespace offpeak::sim {

std::string totals_json(const Totals& totals, std::uint64_t faults_fired) {
  return fmt::format(
      R"({{"calls":{{"create":{},"list":{},"retrieve":{},"results":{},"cancel":{},"delete":{}}},"faults_fired":{},)"
      R"("batches":{},"requests_created":{},"requests_billed":{},"contents_created_twice":{},"contents_overlapped":{},)"
      R"("contents_created_after_billed":{},"contents_billed_twice":{},)"
      R"("rows":{{"succeeded":{},"errored":{},"canceled":{},"expired":{}}},)"
      R"("billed_input_tokens":{},"billed_output_tokens":{},"open_batches":{},"open_requests":{},)"
      R"("most_open_batches":{},"most_open_requests":{},"foreign_batches":{},"foreign_canceled":{},"copies":{}}})",
      totals.calls[0], totals.calls[1], totals.calls[2], totals.calls[3], totals.calls[4], totals.calls[5],
      faults_fired, totals.batches, totals.requests_created, totals.requests_billed, totals.contents_created_twice,
      totals.contents_overlapped, totals.contents_created_after_billed, totals.contents_billed_twice,
      totals.rows.succeeded, totals.rows.errored, totals.rows.canceled, totals.rows.expired, totals.billed_input_tokens,
      totals.billed_output_tokens, totals.open_batches, totals.open_requests, totals.most_open_batches,
      totals.most_open_requests, totals.foreign_batches, totals.foreign_canceled, totals.copies);
}

std::string content_json(const Content& content) {
  return fmt::format(R"({{"digest":"{}","created":{},"billed":{},"open":{},"refused":{},"overlapped":{}}})",
                     content.digest.hex(), content.created, content.billed, content.open, content.refused,
                     content.overlapped);
}

LedgerStream::LedgerStream(const Store& store, std::string totals, LedgerPart part, Instant now)
    : store_(store), part_(part), now_(now), block_(R"({"totals":)" + std::move(totals) + R"(,"batches":[)") {}

std::string_view LedgerStream::next() {
  constexpr std::size_t block_bytes = 128 * 1024;
  // The first block begins with what the constructor made.
  const bool fresh = stage_ == Stage::batches && at_ == 0;
  if (!fresh) block_.clear();
  while (stage_ != Stage::end && block_.size() < block_bytes) {
    if (stage_ == Stage::batches) {
      append_batch();
    } else {
      append_content();
    }
  }
  return block_;
}

void LedgerStream::append_batch() {
  if (at_ >= store_.batches().size()) {
    block_ += R"(],"contents":[)";
    stage_ = Stage::contents;
    at_ = 0;
    first_ = true;
    return;
  }
  const auto& batch = *store_.batches()[at_++];
  if (!std::exchange(first_, false)) block_ += ',';
  block_ += fmt::format(
      R"({{"number":{},"requests":{},"body_bytes":{},"foreign":{},"maker":"{}","copy_of":{},"deleted":{},"results_reads":{},"batch":{}}})",
      batch.number, batch.requests().size(), batch.body_bytes, batch.foreign,
      batch.maker == Maker::client    ? "client"
      : batch.maker == Maker::program ? "program"
                                      : "offpeak",
      batch.copy_of, batch.deleted, batch.results_reads, batch_json(batch, now_, false, Counts{}, ""));
}

void LedgerStream::append_content() {
  const auto& contents = store_.tables.contents;
  if (at_ >= contents.size()) {
    block_ += "]}\n";
    stage_ = Stage::end;
    return;
  }
  const auto& content = contents[static_cast<std::uint32_t>(at_++)];
  // Contents of creates that were never accepted have a row too, for their refusals.
  if (content.created < (part_ == LedgerPart::all ? 1U : 2U) && (part_ != LedgerPart::all || content.refused == 0))
    return;
  if (!std::exchange(first_, false)) block_ += ',';
  block_ += content_json(content);
}

}  // namespace offpeak::sim
