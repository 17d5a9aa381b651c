// A segment of the line index: damaged blobs are refused or harmless, whatever they hold, and what was encoded is
// decoded the same. The input is a blob without its checksum.
#include "base/digest.hpp"
#include "fuzz.hpp"
#include "model/line_index.hpp"

namespace offpeak::fuzz {
namespace {

std::string with_checksum(std::string_view body) {
  const auto checksum = checksum32(body);
  std::string blob;
  for (int shift = 0; shift < 32; shift += 8) blob += static_cast<char>(checksum >> shift & 0xFF);
  return blob.append(body);
}

// Entries as a job file may have them, out of any bytes.
std::vector<LineEntry> entries_of(std::string_view bytes) {
  std::size_t at = 0;
  const auto next = [&](std::uint32_t limit) {
    std::uint32_t value = 0;
    for (int i = 0; i < 4 && at < bytes.size(); ++i) value = value << 8 | static_cast<unsigned char>(bytes[at++]);
    return limit == UINT32_MAX ? value : value % (limit + 1);
  };
  std::vector<LineEntry> entries;
  std::uint64_t offset = 0;
  while (at < bytes.size() && entries.size() < segment_entries) {
    LineEntry entry;
    entry.offset = offset + next(UINT32_MAX) % 70'000;
    entry.bytes = next(UINT32_MAX);
    entry.id_bytes = next(entry.bytes);
    entry.id_offset = next(entry.bytes - entry.id_bytes);
    entry.params_bytes = next(entry.bytes);
    entry.params_offset = next(entry.bytes - entry.params_bytes);
    entry.sent_params_bytes = entry.params_bytes + next(UINT32_MAX - entry.params_bytes);
    entry.checksum = next(UINT32_MAX);
    offset = entry.offset + entry.bytes + 1;
    entries.push_back(entry);
  }
  return entries;
}

void check_damage(const std::string& blob, std::uint64_t choice) {
  auto damaged = blob;
  auto& byte = damaged[choice % damaged.size()];
  byte = static_cast<char>(byte ^ (1 << (choice >> 32) % 8));
  require(!decode_segment(damaged), "a flipped bit is seen", damaged);
  require(!decode_segment(std::string_view(blob).substr(0, choice % blob.size())) || blob.size() <= 4,
          "a cut blob is seen", blob);
}

}  // namespace
}  // namespace offpeak::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace offpeak;
  using namespace offpeak::fuzz;
  const auto text = as_text(data, size);
  (void)decode_segment(text);
  if (const auto entries = decode_segment(with_checksum(text))) {
    require(decode_segment(encode_segment(*entries)) == entries, "what was decoded can be encoded", text);
  }
  const auto entries = entries_of(text);
  const auto blob = encode_segment(entries);
  require(decode_segment(blob) == entries, "what was encoded is decoded the same", text);
  check_damage(blob, hash_of(text));
  return 0;
}
