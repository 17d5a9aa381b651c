// Finds the pieces of a job file - lines, or the elements of "requests" - in one pass over its bytes, holding
// none of them. Pure; one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "ingest/error_report.hpp"
#include "model/job.hpp"

namespace offpeak {

enum class PieceKind : std::uint8_t {
  line,     // a physical line without its line feed; it may be blank
  options,  // the value of "offpeak" in a *.json file
  request,  // an element of "requests"
};

struct Piece {
  PieceKind kind = PieceKind::line;
  std::uint64_t offset = 0;  // of its first byte in the file
  std::uint64_t bytes = 0;
  std::uint64_t line = 1;    // where its first byte stands
  std::uint64_t column = 1;  // in bytes
  bool operator==(const Piece&) const = default;
};

enum class Found : std::uint8_t {
  more,   // all the bytes were taken: give the next ones
  piece,  // piece() ended
  fault,  // fault(): nothing behind it can be read
  end,    // of the file, after finish()
};

class Splitter {
 public:
  virtual ~Splitter() = default;
  // `bytes` follow those taken before; `taken` says how many of them were.
  virtual Found scan(std::string_view bytes, std::size_t& taken) = 0;
  // The file has no more bytes. Call again after a piece.
  virtual Found finish() = 0;
  // The first byte that the piece in the making still needs; the offset reached where there is none.
  virtual std::uint64_t kept_from() const = 0;

  const Piece& piece() const { return piece_; }
  const FileError& fault() const { return fault_; }

 protected:
  Piece piece_;
  FileError fault_;
};

// `start` is where to begin: behind the byte order mark, if there is one.
std::unique_ptr<Splitter> make_splitter(JobFormat format, std::uint64_t start);

class LineSplitter final : public Splitter {
 public:
  explicit LineSplitter(std::uint64_t start) : at_(start), line_start_(start) {}
  Found scan(std::string_view bytes, std::size_t& taken) override;
  Found finish() override;
  std::uint64_t kept_from() const override { return line_start_; }

 private:
  Found end_line(std::uint64_t next_start);

  std::uint64_t at_;
  std::uint64_t line_start_;
  std::uint64_t line_ = 1;
};

// {"offpeak": {...}, "requests": [...]}: checks the glue; what is inside a piece is the caller's to check.
class RequestsSplitter final : public Splitter {
 public:
  explicit RequestsSplitter(std::uint64_t start) : at_(start), line_start_(start), piece_start_(start) {}
  Found scan(std::string_view bytes, std::size_t& taken) override;
  Found finish() override;
  std::uint64_t kept_from() const override { return in_piece_ ? piece_start_ : at_; }

  bool has_requests() const { return has_requests_; }

 private:
  enum class State : std::uint8_t {
    start,          // {
    first_key,      // a key or }
    key,            // a key
    in_key,         // up to the closing quote
    colon,          // :
    value,          // of the member
    after_value,    // , or }
    first_element,  // an element or ]
    element,        // an element
    after_element,  // , or ]
    in_piece,       // up to its end
    end,            // white space only
  };
  enum class Scalar : std::uint8_t { no, yes };

  Found step(char c);
  Found fail(std::string message, std::string hint = "");
  Found take_key(char c);
  Found end_key();
  Found begin_value(char c);
  void begin_piece(char c, PieceKind kind);
  std::size_t scan_piece(std::string_view bytes, Found& found);
  std::size_t skip_string(std::string_view bytes);
  Found end_piece();
  void count_line_feed() {
    ++line_;
    line_start_ = at_ + 1;
  }

  State state_ = State::start;
  std::uint64_t at_;  // of the next byte
  std::uint64_t line_ = 1;
  std::uint64_t line_start_;
  std::string key_;
  bool key_escape_ = false;
  bool has_options_ = false;
  bool has_requests_ = false;

  // The piece in the making.
  std::uint64_t piece_start_;
  std::size_t depth_ = 0;
  bool in_piece_ = false;
  bool in_string_ = false;
  bool escape_ = false;
  Scalar scalar_ = Scalar::no;
};

}  // namespace offpeak
