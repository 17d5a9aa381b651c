// KeyFile: the API key as it is now. Knows, by a look at its file's name, whether it may have changed since it was
// read: replaced, mended in place, gone or there again. The key itself is not kept. I/O thread.
#pragma once

#include <string>
#include <variant>

#include "config/config.hpp"

namespace offpeak {

class KeyFile {
 public:
  explicit KeyFile(Environment environment) : environment_(std::move(environment)) {}

  // As load_api_key(); from now on `changed` looks at this provider's file.
  std::variant<std::string, ConfigError> read(const ProviderConfig& provider);
  // A stat, no more. Under systemd's LoadCredential= the file never changes while the service runs.
  bool changed() const;

 private:
  // What tells one version of the file from the next; all zero if there is no file.
  struct Stamp {
    std::uint64_t device = 0, inode = 0;
    std::int64_t size = 0, written_ns = 0, changed_ns = 0;
    bool operator==(const Stamp&) const = default;
  };
  Stamp look() const;

  Environment environment_;
  std::optional<std::string> path_;
  Stamp read_at_;
};

}  // namespace offpeak
