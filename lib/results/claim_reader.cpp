#include "results/claim_reader.hpp"

#include "base/digest.hpp"
#include "model/limits.hpp"
#include "results/long_line.hpp"

namespace offpeak {

namespace {

constexpr std::uint64_t slice_bytes = 8 * 1024 * 1024;

}  // namespace

ClaimReader::ClaimReader(std::unique_ptr<File> raw) : raw_(std::move(raw)), lines_(*raw_, held_line_bytes_max) {}

Result<bool> ClaimReader::step() {
  const auto begin = lines_.offset();
  while (lines_.offset() - begin < slice_bytes) {
    FileLine line;
    auto found = lines_.next(line);
    if (!found || !*found) return found;
    ++ids_.total;
    if (auto taken = take_line(line); !taken) return taken.error();
  }
  return true;
}

// Whatever came of a request, readable or not: its id says that it was run.
Result<void> ClaimReader::take_line(const FileLine& line) {
  const auto hash = hash_of_line(*raw_, line, 0, line.bytes);
  if (!hash) return hash.error();
  ids_.sum += *hash;
  if (auto read = read_result_line(*raw_, line, checker_, parsed_); !read) return read;
  take_id();
  return {};
}

void ClaimReader::take_id() {
  if (parsed_.custom_id.empty()) return;
  ++ids_.readable;
  const auto id = parse_wire_id(parsed_.custom_id);
  if (!id || id->place >= batch_requests_max) return;
  if (ids_.nonce.empty()) ids_.nonce = id->nonce;
  if (id->nonce != ids_.nonce || !is_first_of(id->place)) return;
  if (ids_.lines.empty() && id->fingerprint) ids_.bits = id->bits;
  // A POST is of one version.
  if (id->fingerprint && id->bits == ids_.bits) {
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
