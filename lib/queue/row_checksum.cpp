#include "queue/row_checksum.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <string>

#include "base/digest.hpp"
#include "base/text.hpp"
#include "queue/queue.hpp"
#include "queue/sql.hpp"

namespace offpeak {

namespace {

using Values = std::span<sqlite3_value*>;

constexpr std::size_t shown_key_bytes_max = 60;

std::string_view bytes_of(sqlite3_value* value) {
  const auto* data = static_cast<const char*>(sqlite3_value_blob(value));
  return {data, static_cast<std::size_t>(sqlite3_value_bytes(value))};
}

// Type, length and value of every column one behind the other: rows that differ anywhere differ here too. Most rows fit
// the buffer.
class RowBytes {
 public:
  void put(sqlite3_value* value) {
    const int type = sqlite3_value_type(value);
    if (type == SQLITE_INTEGER) {
      put_number(type, sqlite3_value_int64(value), 0);
    } else if (type == SQLITE_FLOAT) {
      put_number(type, sqlite3_value_double(value), 0);
    } else if (type == SQLITE_NULL) {
      *room_for(1) = static_cast<char>(type);
    } else {
      const auto text = bytes_of(value);
      auto* data = put_number(type, std::uint64_t{text.size()}, text.size());
      if (!text.empty()) std::memcpy(data, text.data(), text.size());
    }
  }
  std::string_view view() const {
    return overflow_.empty() ? std::string_view(small_.data(), size_) : std::string_view(overflow_);
  }

 private:
  // The type, the number, and room for so many bytes more, which begins where it says.
  template <class Number>
  char* put_number(int type, Number number, std::size_t more) {
    auto* at = room_for(1 + sizeof number + more);
    *at = static_cast<char>(type);
    std::memcpy(at + 1, &number, sizeof number);
    return at + 1 + sizeof number;
  }

  char* room_for(std::size_t bytes) {
    if (overflow_.empty() && size_ + bytes <= small_.size()) {
      size_ += bytes;
      return small_.data() + size_ - bytes;
    }
    if (overflow_.empty()) overflow_.assign(small_.data(), size_);
    overflow_.resize(overflow_.size() + bytes);
    return overflow_.data() + overflow_.size() - bytes;
  }

  std::array<char, 512> small_;
  std::size_t size_ = 0;
  std::string overflow_;
};

// As a signed number it takes four bytes in the row, whatever its highest bit.
std::int64_t checksum_of(sqlite3_value* table, Values columns) {
  RowBytes bytes;
  bytes.put(table);
  for (auto* column : columns) bytes.put(column);
  return static_cast<std::int32_t>(checksum32(bytes.view()));
}

std::string shown(sqlite3_value* value) {
  if (sqlite3_value_type(value) == SQLITE_INTEGER) return std::to_string(sqlite3_value_int64(value));
  if (sqlite3_value_type(value) == SQLITE_TEXT) return escape_for_display(bytes_of(value), shown_key_bytes_max);
  return "?";
}

// "table assignment, row (intent, first_place) = (7, 0)"
std::string name_of(std::string_view table, Values columns) {
  const auto open = table.find('(');
  const auto keys = 1 + std::count(table.begin(), table.end(), ',');
  std::string values;
  for (auto* column : columns.first(std::min(columns.size(), static_cast<std::size_t>(keys)))) {
    values += (values.empty() ? "" : ", ") + shown(column);
  }
  return fmt::format("table {}, row {} = ({})", table.substr(0, open), table.substr(open), values);
}

void row_checksum(sqlite3_context* context, int count, sqlite3_value** values) {
  const Values all(values, static_cast<std::size_t>(count));
  sqlite3_result_int64(context, checksum_of(all[0], all.subspan(1)));
}

void row_intact(sqlite3_context* context, int count, sqlite3_value** values) {
  const Values all(values, static_cast<std::size_t>(count));
  const auto columns = all.subspan(2);
  const bool same =
      sqlite3_value_type(all[1]) == SQLITE_INTEGER && sqlite3_value_int64(all[1]) == checksum_of(all[0], columns);
  if (same) {
    sqlite3_result_int(context, 1);
    return;
  }
  const auto text =
      fmt::format("{} has changed since it was written: its checksum does not fit", name_of(bytes_of(all[0]), columns));
  sqlite3_result_error(context, text.data(), static_cast<int>(text.size()));
  sqlite3_result_error_code(context, SQLITE_CORRUPT);
}

}  // namespace

void add_row_functions(sqlite3* db) {
  constexpr int how = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
  const auto add = [db](const char* name, auto function) {
    const int code = sqlite3_create_function_v2(db, name, -1, how, nullptr, function, nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) throw_queue_error(db, code);
  };
  add("row_checksum", row_checksum);
  add("row_intact", row_intact);
}

}  // namespace offpeak
