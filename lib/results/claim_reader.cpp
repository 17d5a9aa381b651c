#include "results/claim_reader.hpp"

#include "base/digest.hpp"
#include "model/limits.hpp"
#include "results/download_reader.hpp"

namespace offpeak {

namespace {

constexpr std::uint64_t slice_bytes = 8 * 1024 * 1024;

}  // namespace

ClaimReader::ClaimReader(std::unique_ptr<File> raw) : raw_(std::move(raw)), lines_(*raw_, result_line_bytes_max) {}

Result<bool> ClaimReader::step() {
  const auto begin = lines_.offset();
  while (lines_.offset() - begin < slice_bytes) {
    FileLine line;
    auto found = lines_.next(line);
    if (!found || !*found) return found;
    ++ids_.total;
    ids_.sum += hash64(line.text);
    if (!line.too_long) take_line(line.text);
  }
  return true;
}

void ClaimReader::take_line(std::string_view text) {
  if (!parse_result_line(text, checker_, parsed_)) return;
  ++ids_.readable;
  const auto id = parse_wire_id(parsed_.custom_id);
  if (!id || id->place >= batch_requests_max) return;
  if (ids_.nonce.empty()) ids_.nonce = id->nonce;
  if (id->nonce != ids_.nonce || !is_first_of(id->place)) return;
  if (id->fingerprint) {
    ids_.lines.push_back({id->place, *id->fingerprint});
  } else {
    ++ids_.old_form;
  }
}

bool ClaimReader::is_first_of(std::uint32_t place) {
  if (place >= places_.size()) places_.resize(place + 1);
  const bool first = !places_[place];
  places_[place] = true;
  return first;
}

}  // namespace offpeak
