#include "model/line_index.hpp"

#include "base/digest.hpp"

namespace offpeak {

namespace {

constexpr std::size_t varint_bytes_max = 10;
constexpr std::size_t entry_bytes_max = 7 * varint_bytes_max + 4;

// Into memory that the caller has made large enough: entries are encoded and decoded a hundred thousand at a time.
class Writer {
 public:
  explicit Writer(char* at) : at_(at) {}
  char* at() const { return at_; }

  void varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) *at_++ = static_cast<char>(value | 0x80);
    *at_++ = static_cast<char>(value);
  }
  void u32(std::uint32_t value) {
    for (int shift = 0; shift < 32; shift += 8) *at_++ = static_cast<char>(value >> shift);
  }

 private:
  char* at_;
};

// Beyond the end, and beyond 32 bits where that is the most, it reads 0 and is no longer good.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}
  bool at_end() const { return at_ == end_; }
  bool good() const { return good_; }
  std::string_view rest() const { return {at_, static_cast<std::size_t>(end_ - at_)}; }

  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && at_ != end_; shift += 7) {
      const auto byte = static_cast<unsigned char>(*at_++);
      value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    good_ = false;
    return 0;
  }
  std::uint32_t varint32() {
    const auto value = varint();
    if (value > UINT32_MAX) good_ = false;
    return static_cast<std::uint32_t>(value);
  }
  std::uint32_t u32() {
    std::uint32_t value = 0;
    if (end_ - at_ < 4) {
      good_ = false;
      return 0;
    }
    for (unsigned i = 0; i < 4; ++i) value |= static_cast<std::uint32_t>(static_cast<unsigned char>(*at_++)) << (8 * i);
    return value;
  }

 private:
  const char* at_;
  const char* end_;
  bool good_ = true;
};

}  // namespace

// Layout: 4 bytes checksum of the rest; then for each entry the gap from the end of the one before, the lengths and
// offsets as varints, and the checksum of its params.
std::string encode_segment(const std::vector<LineEntry>& entries) {
  std::string blob(4 + entries.size() * entry_bytes_max, '\0');
  Writer out(blob.data() + 4);
  std::uint64_t previous_end = 0;
  for (const auto& entry : entries) {
    out.varint(entry.offset - previous_end);
    out.varint(entry.bytes);
    out.varint(entry.id_offset);
    out.varint(entry.id_bytes);
    out.varint(entry.params_offset);
    out.varint(entry.params_bytes);
    out.varint(entry.sent_params_bytes - entry.params_bytes);
    out.u32(entry.checksum);
    previous_end = entry.offset + entry.bytes;
  }
  blob.resize(static_cast<std::size_t>(out.at() - blob.data()));
  Writer(blob.data()).u32(checksum32(std::string_view(blob).substr(4)));
  blob.shrink_to_fit();
  return blob;
}

std::optional<std::vector<LineEntry>> decode_segment(std::string_view blob) {
  Reader in(blob);
  const auto checksum = in.u32();
  if (!in.good() || checksum != checksum32(in.rest())) return std::nullopt;
  std::vector<LineEntry> entries;
  entries.reserve(segment_entries);
  std::uint64_t previous_end = 0;
  while (!in.at_end()) {
    auto& entry = entries.emplace_back();
    entry.offset = previous_end + in.varint();
    entry.bytes = in.varint32();
    entry.id_offset = in.varint32();
    entry.id_bytes = in.varint32();
    entry.params_offset = in.varint32();
    entry.params_bytes = in.varint32();
    entry.sent_params_bytes = entry.params_bytes + in.varint32();
    entry.checksum = in.u32();
    if (!in.good()) return std::nullopt;
    previous_end = entry.offset + entry.bytes;
  }
  return entries;
}

}  // namespace offpeak
