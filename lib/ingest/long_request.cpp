#include "ingest/long_request.hpp"

#include <algorithm>

namespace offpeak {

LongRequest::LongRequest() : walk_(JsonTaken::strictly, *this, told_depth) {}

void LongRequest::put(std::string_view bytes, std::uint64_t from) {
  if (outline_.size() + bytes.size() > outline_bytes_max) too_much_ = true;
  if (too_much_) return;
  marks_.push_back({outline_.size(), from});
  outline_ += bytes;
}

std::uint64_t LongRequest::original(std::size_t offset) const {
  const auto behind = std::ranges::upper_bound(marks_, offset, {}, &Mark::outline);
  if (behind == marks_.begin()) return offset;
  const auto& mark = *(behind - 1);
  return mark.original + (offset - mark.outline);
}

void LongRequest::on_key(std::size_t depth, std::string_view raw, std::uint64_t offset) {
  if (is_left_out(depth)) return;
  put(has_members_[depth] ? ",\"" : "\"", offset - 1);
  put(raw, offset);
  put("\":", offset + raw.size());
  has_members_[depth] = true;
}

// Of an array only whether it is empty counts; of an object that a member of params is, nothing.
void LongRequest::on_begin(std::size_t depth, JsonKind kind, std::uint64_t offset) {
  begun_ = true;
  if (is_left_out(depth)) return;
  const bool element = depth > 0 && kinds_[depth - 1] == JsonKind::array;
  kinds_[depth] = kind;
  if (element) {
    put("0", offset);
    left_out_from_ = depth;
    return;
  }
  if (kind != JsonKind::object && kind != JsonKind::array) return;
  put(kind == JsonKind::object ? "{" : "[", offset);
  has_members_[depth + 1] = false;
  if (depth == value_depth && kind == JsonKind::object) left_out_from_ = depth + 1;
}

void LongRequest::on_end(std::size_t depth, JsonKind kind, std::uint64_t end, std::string_view raw) {
  if (is_left_out(depth)) return;
  left_out_from_ = told_depth + 1;
  if (kind == JsonKind::object || kind == JsonKind::array) {
    put(kind == JsonKind::object ? "}" : "]", end - 1);
  } else if (!raw.empty()) {
    put(raw, end - raw.size());
  } else {
    put(kind == JsonKind::string ? "\"a long text\"" : "1", end);
  }
}

}  // namespace offpeak
