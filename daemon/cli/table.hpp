// Table: aligned columns for people. Pure.
#pragma once

#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace offpeak::cli {

enum class Align : unsigned char { left, right };

struct Column {
  std::string title;
  Align align = Align::left;
};

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  // As many cells as columns; already safe to show.
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  bool empty() const { return rows_.empty(); }
  // A title line and a line a row, without spaces at their ends. A column whose cells are all empty is left out.
  // Where that is wider than `width`, the last column stands in a line of its own beneath its row, and lines are cut.
  std::string text(std::size_t width = std::numeric_limits<std::size_t>::max()) const;

 private:
  std::string text_of(std::size_t columns, bool last_beneath) const;

  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// Columns that a text takes on a terminal: its characters, not its bytes.
std::size_t display_width(std::string_view utf8);
// At most `most` columns of it.
std::string cut_to_width(std::string_view utf8, std::size_t most);

}  // namespace offpeak::cli
