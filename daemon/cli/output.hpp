// Output: data to stdout, talk to stderr, and what kind of a place these are.
#pragma once

#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace offpeak::cli {

// Whoever reads our stdout has gone: nothing is left to do.
class ReaderGone : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct Streams {
  int in = 0;
  int out = 1;
  int err = 2;
};

using Environment = std::function<const char*(const char*)>;

class Output {
 public:
  Output(Streams streams, const Environment& environment);

  // Buffered; throws ReaderGone, or std::runtime_error where the data cannot be written.
  void data(std::string_view text);
  void flush();
  // To stderr, a line: never fails.
  void talk(std::string_view text);
  // "offpeak: <message>" and its hint, in lines of their own.
  void complain(std::string_view message, std::string_view hint);

  const Streams& streams() const { return streams_; }
  bool live() const { return live_; }    // stdout is a terminal that understands cursor movements
  bool color() const { return color_; }  // of stdout
  std::size_t width() const;             // of the terminal, in columns
  std::size_t height() const;            // and in lines
  std::size_t line_width() const;        // where lines are to end: at the terminal's width, or nowhere
  std::string bold(std::string_view text) const { return paint("1", text); }
  std::string red(std::string_view text) const { return paint("31", text); }
  std::string green(std::string_view text) const { return paint("32", text); }
  std::string yellow(std::string_view text) const { return paint("33", text); }

 private:
  std::string paint(std::string_view code, std::string_view text) const;

  Streams streams_;
  bool live_ = false;
  bool color_ = false;
  std::string buffer_;
};

}  // namespace offpeak::cli
