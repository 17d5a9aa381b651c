#include "model/line_index.hpp"

#include "base/digest.hpp"

namespace offpeak {

namespace {

void put_varint(std::string& out, std::uint64_t value) {
  while (value >= 0x80) {
    out += static_cast<char>(value | 0x80);
    value >>= 7;
  }
  out += static_cast<char>(value);
}

bool take_varint(std::string_view& in, std::uint64_t& value) {
  value = 0;
  for (unsigned shift = 0; shift < 64 && !in.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(in.front());
    in.remove_prefix(1);
    value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

bool take_varint(std::string_view& in, std::uint32_t& value) {
  std::uint64_t wide = 0;
  if (!take_varint(in, wide) || wide > UINT32_MAX) return false;
  value = static_cast<std::uint32_t>(wide);
  return true;
}

void put_u32(std::string& out, std::uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(value >> shift);
}

bool take_u32(std::string_view& in, std::uint32_t& value) {
  if (in.size() < 4) return false;
  value = 0;
  for (unsigned i = 0; i < 4; ++i) value |= static_cast<std::uint32_t>(static_cast<unsigned char>(in[i])) << (8 * i);
  in.remove_prefix(4);
  return true;
}

}  // namespace

// Layout: 4 bytes checksum of the rest; then for each entry the gap from the end of the one before, the lengths and
// offsets as varints, and the checksum of its params.
std::string encode_segment(const std::vector<LineEntry>& entries) {
  std::string body;
  body.reserve(entries.size() * 16);
  std::uint64_t previous_end = 0;
  for (const auto& entry : entries) {
    put_varint(body, entry.offset - previous_end);
    put_varint(body, entry.bytes);
    put_varint(body, entry.id_offset);
    put_varint(body, entry.id_bytes);
    put_varint(body, entry.params_offset);
    put_varint(body, entry.params_bytes);
    put_varint(body, entry.sent_params_bytes - entry.params_bytes);
    put_u32(body, entry.checksum);
    previous_end = entry.offset + entry.bytes;
  }
  std::string blob;
  blob.reserve(body.size() + 4);
  put_u32(blob, checksum32(body));
  return blob + body;
}

std::optional<std::vector<LineEntry>> decode_segment(std::string_view blob) {
  std::uint32_t checksum = 0;
  if (!take_u32(blob, checksum) || checksum != checksum32(blob)) return std::nullopt;
  std::vector<LineEntry> entries;
  entries.reserve(segment_entries);
  std::uint64_t previous_end = 0;
  while (!blob.empty()) {
    LineEntry entry;
    std::uint64_t gap = 0;
    std::uint32_t merged = 0;
    if (!take_varint(blob, gap) || !take_varint(blob, entry.bytes) || !take_varint(blob, entry.id_offset) ||
        !take_varint(blob, entry.id_bytes) || !take_varint(blob, entry.params_offset) ||
        !take_varint(blob, entry.params_bytes) || !take_varint(blob, merged) || !take_u32(blob, entry.checksum)) {
      return std::nullopt;
    }
    entry.offset = previous_end + gap;
    entry.sent_params_bytes = entry.params_bytes + merged;
    previous_end = entry.offset + entry.bytes;
    entries.push_back(entry);
  }
  return entries;
}

}  // namespace offpeak
