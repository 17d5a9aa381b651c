// Bodies, commits and sinks for the tests of providers.
#pragma once

#include <optional>
#include <string>

#include "provider/provider.hpp"

namespace offpeak::test {

class TextSource : public BodySource {
 public:
  explicit TextSource(std::string text) : text_(std::move(text)) {}
  std::uint64_t size() const override { return text_.size(); }
  Task<Result<std::string_view>> next_block() override {
    const auto block = std::string_view(text_).substr(at_, 1000);
    at_ += block.size();
    co_return block;
  }

 private:
  std::string text_;
  std::size_t at_ = 0;
};

class CountingCommit : public CreateCommit {
 public:
  Task<Result<void>> commit(std::uint64_t of_provider) override {
    ++asked;
    generation = of_provider;
    if (!consent) co_return make_error(ErrorKind::io, "the intent could not be stored");
    co_return Result<void>();
  }
  bool consent = true;
  int asked = 0;
  std::uint64_t generation = 0;  // as it was told
};

class TextSink : public ResultsSink {
 public:
  Task<Result<void>> take(std::string_view block) override {
    if (full) co_return make_error(ErrorKind::disk_full, "the disk is full");
    text.append(block);
    co_return Result<void>();
  }
  bool full = false;
  std::string text;
};

inline HeaderGroup header_group() {
  HeaderGroup group;
  group.version = "2023-06-01";
  return group;
}

// A create body with `count` requests.
inline std::string create_body(int count) {
  std::string body = R"({"requests":[)";
  for (int i = 0; i < count; ++i) {
    if (i > 0) body += ',';
    body += R"({"custom_id":"n-)" + std::to_string(i) +
            R"(","params":{"model":"claude-haiku-4-5","max_tokens":16,"messages":[{"role":"user","content":"hi"}]}})";
  }
  return body + "]}";
}

}  // namespace offpeak::test
