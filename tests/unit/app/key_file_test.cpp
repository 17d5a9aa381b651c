#include "daemon/key_file.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "unit/base/temporary_folder.hpp"

namespace offpeak {
namespace {

const char* no_environment(const char*) { return nullptr; }

struct KeyFileTest : ::testing::Test {
  std::string read() {
    auto key = key_file.read(provider);
    const auto* found = std::get_if<std::string>(&key);
    return found != nullptr ? *found : "";
  }
  void write(const std::string& text) { folder.write("key", text); }

  TemporaryFolder folder;
  ProviderConfig provider = [this] {
    ProviderConfig config;
    config.api_key_file = folder / "key";
    return config;
  }();
  KeyFile key_file{no_environment};
};

TEST_F(KeyFileTest, WhatWasReadHasNotChanged) {
  write("one");
  EXPECT_EQ(read(), "one");
  EXPECT_FALSE(key_file.changed());
  EXPECT_FALSE(key_file.changed());
}

TEST_F(KeyFileTest, ReplacedMendedGoneAndThereAgainAreChanges) {
  write("one");
  read();
  folder.write("new", "two");
  std::filesystem::rename(folder / "new", folder / "key");
  EXPECT_TRUE(key_file.changed()) << "replaced";
  EXPECT_EQ(read(), "two");
  EXPECT_FALSE(key_file.changed());
  write("three");
  EXPECT_TRUE(key_file.changed()) << "mended in place";
  EXPECT_EQ(read(), "three");
  std::filesystem::remove(folder / "key");
  EXPECT_TRUE(key_file.changed()) << "gone";
  EXPECT_EQ(read(), "");
  EXPECT_FALSE(key_file.changed());
  write("four");
  EXPECT_TRUE(key_file.changed()) << "there again";
  EXPECT_EQ(read(), "four");
}

TEST_F(KeyFileTest, AKeyThatIsNoFilesNeverChanges) {
  provider.api_key_file = "";
  read();
  EXPECT_FALSE(key_file.changed());
}

}  // namespace
}  // namespace offpeak
