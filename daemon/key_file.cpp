#include "daemon/key_file.hpp"

#include <sys/stat.h>

namespace offpeak {

namespace {

std::int64_t nanoseconds(const timespec& time) { return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

}  // namespace

std::variant<std::string, ConfigError> KeyFile::read(const ProviderConfig& provider) {
  path_ = api_key_path(provider, environment_);
  // Looked at before it is read: what is written meanwhile is a change.
  read_at_ = look();
  return load_api_key(provider, environment_);
}

bool KeyFile::changed() const { return look() != read_at_; }

KeyFile::Stamp KeyFile::look() const {
  struct stat file{};
  if (!path_ || ::stat(path_->c_str(), &file) != 0) return {};
  return {file.st_dev, file.st_ino, file.st_size, nanoseconds(file.st_mtim), nanoseconds(file.st_ctim)};
}

}  // namespace offpeak
