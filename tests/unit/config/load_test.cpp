// Configuration, price table and API key as files.
#include "config/load.hpp"

#include <gmock/gmock.h>

#include <filesystem>

#include "unit/base/temporary_folder.hpp"

namespace offpeak {
namespace {

using testing::HasSubstr;

std::string first_error(const SettingsOrErrors& settings) {
  const auto* errors = std::get_if<1>(&settings);
  return errors != nullptr ? to_text(errors->front()) : "";
}

TEST(LoadSettings, ReadsTheFileAndItsPriceTable) {
  const TemporaryFolder folder;
  folder.write("prices.toml",
               "dated = \"2026-01-02\"\n[[model]]\nid = \"m\"\ninput = 1\noutput = 1\ncache_write_5m = 1\n"
               "cache_write_1h = 1\ncache_read = 1\n");
  const auto loaded = load_settings(folder.write("o.toml", "[paths]\nspool = \"s\"\n"), {"log.level=debug"});
  ASSERT_EQ(first_error(loaded), "");
  const auto& settings = std::get<0>(loaded);
  EXPECT_EQ(settings.config.paths.spool, folder / "s");
  EXPECT_EQ(settings.config.log.level, LogLevel::debug);
  EXPECT_EQ(settings.prices.dated, "2026-01-02");
}

TEST(LoadSettings, FollowsALinkAndStartsAtTheLinksFolder) {
  const TemporaryFolder folder;
  folder.write("real/o.toml", "[paths]\nspool = \"s\"\n");
  std::filesystem::create_symlink("real/o.toml", folder / "link.toml");
  const auto loaded = load_settings(folder / "link.toml", {});
  ASSERT_EQ(first_error(loaded), "");
  EXPECT_EQ(std::get<0>(loaded).config.paths.spool, folder / "s");
}

TEST(LoadSettings, TakesTheBuiltInPricesWhereTheDefaultFileIsMissing) {
  const TemporaryFolder folder;
  const auto loaded = load_settings(folder.write("o.toml", ""), {});
  ASSERT_EQ(first_error(loaded), "");
  EXPECT_EQ(std::get<0>(loaded).prices.models.count("claude-opus-5"), 1U);
  EXPECT_THAT(first_error(load_settings(folder / "o.toml", {"money.prices=mine.toml"})), HasSubstr("mine.toml"));
}

TEST(LoadSettings, AMissingFileIsAnErrorUnlessDefaultsWereAskedFor) {
  const TemporaryFolder folder;
  EXPECT_THAT(first_error(load_settings(folder / "none.toml", {})), HasSubstr("No such file"));
  const auto defaults = load_settings(folder / "none.toml", {}, MissingConfig::means_defaults);
  EXPECT_EQ(first_error(defaults), "");
  EXPECT_THAT(first_error(load_settings(folder.path(), {}, MissingConfig::means_defaults)), HasSubstr("cannot read"));
}

TEST(LoadSettings, AFaultyPriceTableIsAnError) {
  const TemporaryFolder folder;
  folder.write("prices.toml", "dated = 1\n");
  EXPECT_THAT(first_error(load_settings(folder.write("o.toml", ""), {})), HasSubstr("prices.toml:1:9: dated"));
}

class ApiKey : public testing::Test {
 protected:
  std::variant<std::string, ConfigError> load(const std::string& key_file) {
    ProviderConfig provider;
    provider.api_key_file = key_file;
    return load_api_key(provider, [this](const char* name) -> const char* {
      const auto found = environment_.find(name);
      return found != environment_.end() ? found->second.c_str() : nullptr;
    });
  }
  std::string key(const std::string& key_file = "anthropic-api-key") {
    const auto loaded = load(key_file);
    const auto* found = std::get_if<std::string>(&loaded);
    return found != nullptr ? *found : "error: " + to_text(std::get<1>(loaded));
  }
  void have_credentials() { environment_["CREDENTIALS_DIRECTORY"] = folder_.path(); }

  TemporaryFolder folder_;
  std::map<std::string, std::string> environment_;
};

TEST_F(ApiKey, ABareNameIsACredential) {
  folder_.write("anthropic-api-key", "\tsk-ant-1 \r\n");
  environment_["ANTHROPIC_API_KEY"] = "sk-ant-2";
  have_credentials();
  EXPECT_EQ(key(), "sk-ant-1");
}

TEST_F(ApiKey, TheEnvironmentComesAfterTheFile) {
  environment_["ANTHROPIC_API_KEY"] = " sk-ant-2\n";
  EXPECT_EQ(key(), "sk-ant-2");
  have_credentials();
  EXPECT_EQ(key(), "sk-ant-2") << "no such credential";
  folder_.write("anthropic-api-key", "\n");
  EXPECT_EQ(key(), "sk-ant-2") << "the unit's way to say that there is no key file";
  EXPECT_EQ(key(folder_ / "none"), "sk-ant-2");
  EXPECT_EQ(key(""), "sk-ant-2");
}

TEST_F(ApiKey, ABareNameIsNeverSoughtInTheWorkingFolder) {
  const auto before = std::filesystem::current_path();
  folder_.write("here", "sk-ant-1");
  std::filesystem::current_path(folder_.path());
  EXPECT_THAT(key("here"), HasSubstr("no API key"));
  std::filesystem::current_path(before);
}

TEST_F(ApiKey, APathIsTaken) { EXPECT_EQ(key(folder_.write("key", "sk-ant-3")), "sk-ant-3"); }

TEST_F(ApiKey, ABadFileIsAnErrorAlthoughTheEnvironmentHasAKey) {
  environment_["ANTHROPIC_API_KEY"] = "sk-ant-2";
  EXPECT_THAT(key(folder_.write("empty", " \n")), HasSubstr("is empty"));
  EXPECT_THAT(key(folder_.write("long", std::string(5000, 'k'))), HasSubstr("longer than"));
  EXPECT_THAT(key(folder_.path() + "/"), HasSubstr("cannot read"));
}

TEST_F(ApiKey, AKeyInQuotesOrBehindANameIsRefusedWithTheRemedy) {
  for (const char* text : {"\"sk-ant-1\"", "'sk-ant-1'", "\"sk-ant-1", "`sk-ant-1`"}) {
    EXPECT_THAT(key(folder_.write("key", text)), HasSubstr("stands in quotes")) << text;
  }
  for (const char* text : {"ANTHROPIC_API_KEY=sk-ant-1", "export ANTHROPIC_API_KEY=sk-ant-1", "KEY='sk-ant-1'"}) {
    EXPECT_THAT(key(folder_.write("key", text)), HasSubstr("no NAME=")) << text;
    EXPECT_THAT(key(folder_.write("key", text)), testing::Not(HasSubstr("sk-ant"))) << text;
  }
  for (const char* text : {"sk-ant-1=", "sk-ant-1==", "sk-ant=1", "=1"}) {
    EXPECT_EQ(key(folder_.write("key", text)), text) << "may well be a key";
  }
}

TEST_F(ApiKey, ItsPathIsKnownWhetherItExistsOrNot) {
  ProviderConfig provider;
  const auto none = [](const char*) -> const char* { return nullptr; };
  EXPECT_EQ(api_key_path(provider, none), std::nullopt) << "no credentials";
  provider.api_key_file = "/nowhere/key";
  EXPECT_EQ(api_key_path(provider, none), "/nowhere/key");
}

TEST(SettleWarning, IsGivenWhereAByteMayStillBeOnItsWay) {
  ProviderConfig provider;
  EXPECT_EQ(settle_warning(provider), std::nullopt) << "the default";
  provider.settle_unknown = std::chrono::seconds(60);
  EXPECT_EQ(settle_warning(provider), std::nullopt);
  provider.settle_unknown = std::chrono::milliseconds(59'999);
  ASSERT_TRUE(settle_warning(provider));
  EXPECT_THAT(*settle_warning(provider), HasSubstr("settle_unknown"));
}

TEST_F(ApiKey, NothingFoundSaysWhereWasLookedAndWhatToDo) {
  have_credentials();
  const auto text = key();
  EXPECT_THAT(text, HasSubstr((folder_ / "anthropic-api-key") + " does not exist, and ANTHROPIC_API_KEY is not set"));
  EXPECT_THAT(text, HasSubstr("write the key into /etc/offpeak/anthropic-api-key"));
  environment_.clear();
  EXPECT_THAT(key(), HasSubstr("$CREDENTIALS_DIRECTORY is not set"));
  environment_["ANTHROPIC_API_KEY"] = "";
  EXPECT_THAT(key(), HasSubstr("no API key"));
}

TEST_F(ApiKey, MustBeSafeInAHeaderAndIsNeverShown) {
  for (const auto* bad : {"sk ant", "sk\r\nx-evil: 1", "sk\xC3\xA4", "sk\x7F"}) {
    environment_["ANTHROPIC_API_KEY"] = bad;
    EXPECT_THAT(key(), HasSubstr("cannot go into an HTTP header"));
    EXPECT_THAT(key(), testing::Not(HasSubstr("sk")));
  }
}

}  // namespace
}  // namespace offpeak
