#include "daemon/cli/table.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace offpeak::cli {

namespace {

// Of the color sequence at the front: no columns on the terminal. 0 where there is none.
std::size_t color_length(std::string_view text) {
  if (!text.starts_with("\x1b[")) return 0;
  const auto end = text.find('m');
  return end == std::string_view::npos ? 0 : end + 1;
}

void append_cell(std::string& line, const std::string& cell, std::size_t width, Align align) {
  const std::string padding(width - std::min(width, display_width(cell)), ' ');
  if (!line.empty()) line += "  ";
  line += align == Align::right ? padding + cell : cell + padding;
}

void end_line(std::string& text, std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  text += line + '\n';
}

// Both of a text whose lines all end in a line break.
std::size_t widest_line(std::string_view text) {
  std::size_t widest = 0;
  for (; !text.empty(); text.remove_prefix(text.find('\n') + 1)) {
    widest = std::max(widest, display_width(text.substr(0, text.find('\n'))));
  }
  return widest;
}

std::string cut_lines(std::string_view text, std::size_t width) {
  std::string kept;
  for (; !text.empty(); text.remove_prefix(text.find('\n') + 1)) {
    kept += cut_to_width(text.substr(0, text.find('\n')), width) + '\n';
  }
  return kept;
}

}  // namespace

std::string Table::text(std::size_t width) const {
  auto whole = text_of(columns_.size(), false);
  if (widest_line(whole) <= width) return whole;
  return cut_lines(text_of(columns_.size() - 1, true), width);
}

std::string Table::text_of(std::size_t columns, bool last_beneath) const {
  std::vector<std::size_t> widths(columns, 0);
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < columns; ++i) widths[i] = std::max(widths[i], display_width(row.at(i)));
  }
  std::string text;
  const auto add_line = [&](auto cell_of) {
    std::string line;
    for (std::size_t i = 0; i < columns; ++i) {
      if (widths[i] == 0) continue;
      append_cell(line, cell_of(i), std::max(widths[i], display_width(columns_[i].title)), columns_[i].align);
    }
    end_line(text, std::move(line));
  };
  add_line([&](std::size_t i) -> const std::string& { return columns_[i].title; });
  for (const auto& row : rows_) {
    add_line([&](std::size_t i) -> const std::string& { return row[i]; });
    if (last_beneath && !row.back().empty()) end_line(text, "    " + row.back());
  }
  return text;
}

std::size_t display_width(std::string_view utf8) {
  std::size_t width = 0;
  while (!utf8.empty()) {
    if (const auto color = color_length(utf8); color != 0) {
      utf8.remove_prefix(color);
      continue;
    }
    utf8.remove_prefix(std::max<std::size_t>(utf8_length(utf8), 1));
    ++width;
  }
  return width;
}

std::string cut_to_width(std::string_view utf8, std::size_t most) {
  std::string kept;
  for (std::size_t width = 0; !utf8.empty();) {
    const auto color = color_length(utf8);
    const auto length = color != 0 ? color : std::max<std::size_t>(utf8_length(utf8), 1);
    // Behind the cut only colors are kept: the one that ends them is among them.
    if (color != 0 || width < most) kept += utf8.substr(0, length);
    if (color == 0) ++width;
    utf8.remove_prefix(length);
  }
  return kept;
}

}  // namespace offpeak::cli
