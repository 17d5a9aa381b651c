#include "daemon/app.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>

#include "base/task_group.hpp"
#include "base/text.hpp"
#include "control/control.hpp"
#include "control/server.hpp"
#include "daemon/key_file.hpp"
#include "daemon/live_provider.hpp"
#include "daemon/notify.hpp"
#include "daemon/spool_lock.hpp"
#include "daemon/stages.hpp"
#include "daemon/stop_deadline.hpp"
#include "provider/http_provider.hpp"

namespace offpeak {

namespace {

constexpr Duration stop_limit = std::chrono::seconds(9);    // the contract says ten
constexpr Duration commit_grace = std::chrono::seconds(5);  // for an answer that is on its way
constexpr Duration audit_interval = std::chrono::hours(24);
constexpr Duration audit_slice_pause = std::chrono::milliseconds(50);

const char* system_environment(const char* name) { return std::getenv(name); }

std::shared_ptr<Provider> make_provider(boost::asio::any_io_executor executor, const Config& config, std::string key) {
  return std::make_shared<HttpProvider>(std::move(executor), config.provider, std::move(key), system_environment);
}

std::vector<Worker*> pointers_to(std::array<Worker, 4>& workers) {
  std::vector<Worker*> pointers;
  for (auto& worker : workers) pointers.push_back(&worker);
  return pointers;
}

// The folders of the contract, with the modes of a well-kept spool. Existing ones keep theirs.
Result<void> make_spool(Files& files, const PathsConfig& paths) {
  const std::pair<std::string, unsigned> folders[] = {{paths.state, 0700},       {paths.downloads(), 0700},
                                                      {paths.incoming(), 02770}, {paths.claimed(), 0700},
                                                      {paths.rejected(), 02750}, {paths.results(), 02750}};
  for (const auto& [path, mode] : folders) {
    if (auto made = files.make_folders(path, mode); !made) return made.error();
  }
  return {};
}

ControlServerOptions server_options(const Config& config) {
  ControlServerOptions options;
  options.place.path = config.paths.socket;
  options.limits.body_bytes = config.intake.max_file_bytes;
  return options;
}

class App {
 public:
  App(boost::asio::io_context& context, const DaemonOptions& options, Settings settings, Log& log, KeyFile key_file,
      std::string key);

  // Binds the socket, starts every stage, waits for the end.
  Task<> run();

 private:
  void start();
  Task<> handle_signals();
  Task<> feed_watchdog();
  Task<> audit_daily();
  Task<> stop();
  void reload();
  void take_new_settings();
  void refuse_settings(const std::vector<std::string>& errors, std::string_view what);
  std::shared_ptr<Provider> with_new_key(bool refused);
  Task<> try_the_account_again();
  ControlHooks hooks();

  boost::asio::any_io_executor executor_;
  const DaemonOptions options_;
  Settings settings_;
  const Config& config_ = settings_.config;
  Log& log_;

  SystemClock clock_;
  SystemRandom random_;
  SystemFiles files_;
  Worker database_worker_;
  Worker file_worker_;
  Worker read_worker_;  // reads results while the file worker writes them
  Worker sync_worker_;  // waits for the disk while the file worker goes on
  std::array<Worker, 4> results_sync_workers_;
  Queue queue_;
  Bells bells_{clock_, executor_};
  Database database_{queue_, database_worker_, clock_, &bells_};
  KeyFile key_file_;
  std::optional<std::string> key_trouble_;  // said already
  LiveProvider live_provider_;

  Stages stages_;
  Control control_;
  ControlServer server_;

  std::optional<StageTrouble> refused_config_;  // the last reload was refused
  StopDeadline stop_deadline_;
  bool stopping_ = false;
  TaskGroup tasks_;  // last: it dies first
};

App::App(boost::asio::io_context& context, const DaemonOptions& options, Settings settings, Log& log, KeyFile key_file,
         std::string key)
    : executor_(context.get_executor()),
      options_(options),
      settings_(std::move(settings)),
      log_(log),
      queue_(config_.paths.database()),
      key_file_(std::move(key_file)),
      live_provider_(make_provider(executor_, config_, std::move(key))),
      stages_({executor_, clock_, random_, files_, file_worker_, read_worker_, sync_worker_,
               pointers_to(results_sync_workers_), bells_, database_, live_provider_, log_, config_, settings_.prices},
              [this] { control_.intake_settled(); }),
      control_({executor_, database_, files_, file_worker_, clock_, log_},
               {config_.paths.claimed(), config_.paths.downloads(), config_.paths.results(), config_.paths.state},
               hooks()),
      server_(executor_, control_, log_, server_options(config_)),
      tasks_(executor_) {
  live_provider_.renew_with([this](bool refused) { return with_new_key(refused); });
}

ControlHooks App::hooks() {
  ControlHooks hooks;
  hooks.facts = [this] {
    auto facts = stages_.facts();
    facts.refused_config = refused_config_;
    return facts;
  };
  hooks.config = [this] { return &config_; };
  hooks.guard_wait = [this]() -> std::optional<GuardWait> {
    const auto& waiting = stages_.guard_waiting();
    if (!waiting) return std::nullopt;
    return GuardWait{waiting->what, waiting->since, waiting->next_try_at, waiting->id};
  };
  hooks.prices = [this] { return &settings_.prices; };
  hooks.reserve = [this] { return config_.intake.reserve; };
  return hooks;
}

Task<> App::run() {
  co_await stages_.recover();
  if (auto listening = server_.listen(); !listening) {
    throw std::runtime_error(listening.error().message + (listening.error().hint.empty() ? "" : ": ") +
                             listening.error().hint);
  }
  std::exception_ptr failure;
  try {
    start();
  } catch (...) {
    failure = std::current_exception();
  }
  // Half of the stages alone would be a daemon that lives and does nothing.
  if (failure) tasks_.cancel();
  co_await tasks_.join();
  if (failure) std::rethrow_exception(failure);
}

void App::start() {
  tasks_.spawn("control", server_.run());
  tasks_.spawn("signals", handle_signals());
  tasks_.spawn("watchdog", feed_watchdog());
  stages_.spawn(tasks_);
  tasks_.spawn("audit", audit_daily());
  log_.info("daemon.started",
            {{"version", OFFPEAK_VERSION}, {"socket", config_.paths.socket}, {"provider", config_.provider.base_url}});
  if (const auto warning = settle_warning(config_.provider))
    log_.warning("config.settle_unknown", {{"what", *warning}});
  notify_ready("running");
}

Task<> App::handle_signals() {
  boost::asio::signal_set signals(executor_, SIGTERM, SIGINT, SIGHUP);
  for (;;) {
    const int number = co_await signals.async_wait(boost::asio::use_awaitable);
    if (number == SIGHUP) {
      reload();
      continue;
    }
    if (stopping_) std::_Exit(exit_ok);  // asked twice: at once; a restart recovers as from any crash
    stopping_ = true;
    stop_deadline_.arm(stop_limit);
    log_.info("daemon.stopping", {{"signal", number == SIGTERM ? "SIGTERM" : "SIGINT"}});
    notify_stopping();
    tasks_.spawn("stop", stop());
  }
}

// What is past its commit point gets a moment for its answer; everything else stops where it stands.
Task<> App::stop() {
  const auto until = clock_.steady_now() + commit_grace;
  while (stages_.committing() && clock_.steady_now() < until) {
    co_await sleep_for(clock_, std::chrono::milliseconds(20));
  }
  tasks_.cancel();
}

Task<> App::feed_watchdog() {
  const auto interval = watchdog_interval();
  if (!interval) co_return;
  for (;;) {
    notify_watchdog();
    co_await sleep_for(clock_, *interval);
  }
}

// Every row is read once a day, a slice at a time: what changed on the disk shows while there still is a backup.
Task<> App::audit_daily() {
  for (;;) {
    co_await sleep_for(clock_, audit_interval);
    AuditProgress progress;
    auto slice = [&progress](const Queue& queue) { return queue.audit_slice(progress); };
    while (co_await database_.read(slice)) co_await sleep_for(clock_, audit_slice_pause);
    for (const auto& problem : progress.report.problems) {
      log_.error("audit.problem", {{"what", problem}, {"act", "see `offpeak audit`; restore a backup"}});
    }
    log_.info("audit.done", {{"requests", progress.report.requests}, {"problems", progress.report.problem_count}});
  }
}

// A bad file, or a key that cannot be read, keeps the old settings and says so.
void App::reload() {
  notify_reloading();
  try {
    take_new_settings();
  } catch (const std::exception& error) {
    refuse_settings({error.what()}, "the configuration cannot be read");
  }
}

// Until a reload is taken, the status says so.
void App::refuse_settings(const std::vector<std::string>& errors, std::string_view what) {
  for (const auto& error : errors) log_.error("config.bad", {{"error", error}, {"act", "old settings stay"}});
  const auto more = errors.size() > 1 ? fmt::format(" (and {} more errors)", errors.size() - 1) : "";
  refused_config_ = StageTrouble{fmt::format("{}: {}{}", what, errors.front(), more), clock_.now(), std::nullopt};
  notify_ready(fmt::format("running with the old settings: {}", what));
}

// Whenever it is asked who asks: the key file may have been replaced or mended, and after a 401 or 403 it is read in
//          any case. A file that is half written, or gone, changes nothing: the next call looks again.
std::shared_ptr<Provider> App::with_new_key(bool refused) {
  if (!refused && !key_file_.changed()) return nullptr;
  auto key = key_file_.read(config_.provider);
  if (const auto* error = std::get_if<ConfigError>(&key)) {
    const auto trouble = to_text(*error);
    if (key_trouble_ != trouble) log_.error("key.unreadable", {{"error", trouble}, {"act", "the old key stays"}});
    key_trouble_ = trouble;
    return nullptr;
  }
  key_trouble_.reset();
  auto renewed = make_provider(executor_, config_, std::move(std::get<std::string>(key)));
  if (renewed->identity("").key_hash == live_provider_.identity("").key_hash) return nullptr;
  log_.info("key.changed", {{"file", config_.provider.api_key_file}});
  tasks_.spawn("new_key", try_the_account_again());
  return renewed;
}

// What the old key was refused need not wait for its backoff.
Task<> App::try_the_account_again() {
  co_await database_.write([](Queue& queue) {
    if (queue.account().paused) queue.resume_account();
  });
  bells_.ring_all();
}

void App::take_new_settings() {
  auto read = read_settings(options_);
  if (const auto* errors = std::get_if<std::vector<ConfigError>>(&read)) {
    std::vector<std::string> texts;
    for (const auto& error : *errors) texts.push_back(to_text(error));
    return refuse_settings(texts, "the configuration has errors");
  }
  auto& settings = std::get<Settings>(read);
  auto key = key_file_.read(settings.config.provider);
  if (const auto* error = std::get_if<ConfigError>(&key)) {
    return refuse_settings({to_text(*error)}, "the key cannot be read");
  }
  try {
    live_provider_.replace(make_provider(executor_, settings.config, std::get<std::string>(key)));
  } catch (const std::exception& error) {
    return refuse_settings({error.what()}, "the provider cannot be set up");
  }
  if (settings.config.paths != settings_.config.paths) {
    log_.warning("config.paths_need_a_restart", {{"act", "restart offpeakd to use the new paths"}});
    settings.config.paths = settings_.config.paths;
  }
  settings_ = std::move(settings);
  refused_config_.reset();
  log_.set_level(settings_.config.log.level);
  log_.info("config.reloaded");
  if (const auto warning = settle_warning(config_.provider))
    log_.warning("config.settle_unknown", {{"what", *warning}});
  notify_ready("running");
  bells_.ring_all();
}

}  // namespace

int run_daemon(const DaemonOptions& options, Settings settings, Log& log) {
  ::signal(SIGPIPE, SIG_IGN);
  ::umask(0007);
  KeyFile key_file(system_environment);
  auto key = key_file.read(settings.config.provider);
  if (const auto* error = std::get_if<ConfigError>(&key)) {
    log.error("config.bad", {{"error", to_text(*error)}});
    return exit_configuration;
  }
  SystemFiles files;
  if (auto made = make_spool(files, settings.config.paths); !made) {
    log.error("daemon.failed", {{"error", made.error().message}});
    return exit_failed;
  }
  const SpoolLock lock(settings.config.paths.claimed());
  if (lock.in_use()) {
    log.error("daemon.spool_in_use", {{"error", settings.config.paths.spool + " is used by another offpeakd"},
                                      {"act", "stop it first, or give this one a spool of its own"}});
    return exit_state_in_use;
  }
  try {
    boost::asio::io_context context(1);
    App app(context, options, std::move(settings), log, std::move(key_file), std::get<std::string>(std::move(key)));
    TaskGroup root(context.get_executor());
    root.spawn("daemon", app.run());
    context.run();
    if (root.failure()) std::rethrow_exception(root.failure());
    log.info("daemon.stopped");
    return exit_ok;
  } catch (const QueueInUse& error) {
    log.error("daemon.state_in_use", {{"error", error.what()}});
    return exit_state_in_use;
  } catch (const QueueDamaged& error) {
    log.error("daemon.state_damaged",
              {{"error", error.what()},
               {"act", "restore a backup: \"Restore\" in /usr/share/doc/offpeak/systemd/README.md says how"}});
    return exit_state_damaged;
  } catch (const std::exception& error) {
    log.error("daemon.failed", {{"error", error.what()}, {"act", "see the message; a restart recovers"}});
    return exit_failed;
  }
}

}  // namespace offpeak
