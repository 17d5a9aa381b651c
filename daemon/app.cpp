#include "daemon/app.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>

#include "base/task_group.hpp"
#include "base/text.hpp"
#include "control/control.hpp"
#include "control/server.hpp"
#include "daemon/live_provider.hpp"
#include "daemon/notify.hpp"
#include "daemon/stop_deadline.hpp"
#include "export/exporter.hpp"
#include "ingest/ingester.hpp"
#include "pack/packer.hpp"
#include "poll/poller.hpp"
#include "provider/http_provider.hpp"
#include "provider/paced_provider.hpp"
#include "results/claimer.hpp"
#include "results/collector.hpp"
#include "submit/guard.hpp"
#include "submit/settler.hpp"
#include "submit/submitter.hpp"
#include "watch/watcher.hpp"

namespace offpeak {

namespace {

constexpr Duration stop_limit = std::chrono::seconds(9);    // the contract says ten
constexpr Duration commit_grace = std::chrono::seconds(5);  // for an answer that is on its way
constexpr Duration disk_full_pause = std::chrono::seconds(5);

const char* system_environment(const char* name) { return std::getenv(name); }

std::shared_ptr<Provider> make_provider(boost::asio::any_io_executor executor, const Config& config, std::string key) {
  return std::make_shared<HttpProvider>(std::move(executor), config.provider, std::move(key), system_environment);
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
  App(boost::asio::io_context& context, const DaemonOptions& options, Settings settings, Log& log, std::string key);

  // Binds the socket, starts every stage, waits for the end.
  Task<> run();

 private:
  template <class Stage>
  Task<> keep_running(Stage& stage);
  Task<> pack_after_guard();
  Task<> handle_signals();
  Task<> feed_watchdog();
  Task<> stop();
  void reload();
  void ring_all();
  ControlHooks hooks();
  IngestCalls ingest_calls();

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
  Worker sync_worker_;  // waits for the disk while the file worker goes on
  Queue queue_;
  Database database_{queue_, database_worker_};
  LiveProvider live_provider_;
  PacedProvider provider_{live_provider_, clock_, random_};

  Wakeup ingest_bell_{clock_, executor_};
  Wakeup pack_bell_{clock_, executor_};
  Wakeup submit_bell_{clock_, executor_};
  Wakeup settle_bell_{clock_, executor_};
  Wakeup poll_bell_{clock_, executor_};
  Wakeup collect_bell_{clock_, executor_};
  Wakeup claim_bell_{clock_, executor_};
  Wakeup export_bell_{clock_, executor_};
  Wakeup jobs_bell_{clock_, executor_};

  // The stages, in the order in which a line of a job file meets them.
  Watcher watcher_;
  Ingester ingester_;
  Guard guard_;
  Packer packer_;
  Submitter submitter_;
  Settler settler_;
  Poller poller_;
  Collector collector_;
  Claimer claimer_;
  Exporter exporter_;
  Control control_;
  ControlServer server_;

  StopDeadline stop_deadline_;
  bool stopping_ = false;
  bool disk_full_ = false;  // a stage waits for space
  TaskGroup stages_;        // last: it dies first
};

App::App(boost::asio::io_context& context, const DaemonOptions& options, Settings settings, Log& log, std::string key)
    : executor_(context.get_executor()),
      options_(options),
      settings_(std::move(settings)),
      log_(log),
      queue_(config_.paths.database()),
      live_provider_(make_provider(executor_, config_, std::move(key))),
      watcher_(clock_, log_, ingest_bell_, config_.paths.incoming(), config_.intake.rescan),
      ingester_({clock_, files_, file_worker_, sync_worker_, database_, log_}, executor_, config_, ingest_bell_,
                ingest_calls()),
      guard_(database_, provider_, clock_, random_, log_, config_),
      packer_(database_, provider_, clock_, random_, log_, config_, pack_bell_, submit_bell_),
      submitter_(database_, provider_, files_, file_worker_, clock_, random_, log_, config_,
                 {submit_bell_, pack_bell_, settle_bell_, poll_bell_}),
      settler_(database_, provider_, clock_, log_, config_, {settle_bell_, pack_bell_, poll_bell_}),
      poller_({database_, provider_, clock_, random_, log_, config_}, {poll_bell_, collect_bell_}),
      collector_({database_, provider_, files_, file_worker_, clock_, random_, log_, config_, settings_.prices},
                 {collect_bell_, pack_bell_, settle_bell_, export_bell_, poll_bell_}),
      claimer_({database_, provider_, files_, file_worker_, clock_, random_, log_, config_},
               {claim_bell_, pack_bell_, poll_bell_}),
      exporter_({database_, files_, file_worker_, clock_, random_, log_, config_}, {export_bell_, jobs_bell_}),
      control_({executor_, database_, files_, file_worker_, clock_, log_},
               {config_.paths.claimed(), config_.paths.downloads()}, hooks()),
      server_(executor_, control_, log_, server_options(config_)),
      stages_(executor_) {}

ControlHooks App::hooks() {
  ControlHooks hooks;
  hooks.wake_ingest = [this] { ingest_bell_.notify(); };
  hooks.wake_stages = [this] { ring_all(); };
  hooks.next_poll_at = [this] { return poller_.next_poll_at(); };
  hooks.trouble = [this]() -> std::optional<std::string> {
    if (disk_full_) return "the disk is full; free some space, offpeak goes on by itself";
    if (guard_.waiting()) return "waiting for the provider's first list of batches";
    return std::nullopt;
  };
  hooks.prices = [this] { return &settings_.prices; };
  return hooks;
}

IngestCalls App::ingest_calls() {
  IngestCalls calls;
  calls.take_moved_in = [this] { return watcher_.take_moved_in(); };
  calls.accepted = [this](JobId) {
    pack_bell_.notify();
    export_bell_.notify();  // a job of skipped lines alone is complete already
    control_.intake_settled();
  };
  calls.rejected = [this](JobId) { control_.intake_settled(); };
  return calls;
}

// A full disk pauses a stage; it goes on by itself. Any other failure of the database ends the daemon.
template <class Stage>
Task<> App::keep_running(Stage& stage) {
  for (;;) {
    std::string full;
    try {
      disk_full_ = false;
      co_await stage.run();
      co_return;
    } catch (const QueueDiskFull& error) {
      full = error.what();
    }
    disk_full_ = true;
    log_.error("disk.full", {{"message", full}, {"act", "free some space; offpeak goes on by itself"}});
    co_await sleep_for(clock_, disk_full_pause);
  }
}

Task<> App::pack_after_guard() {
  co_await guard_.pass();
  co_await keep_running(packer_);
}

Task<> App::run() {
  const auto started = clock_.now();
  co_await database_.run([started](Queue& queue) { queue.recover(started); });
  co_await ingester_.recover();
  if (auto listening = server_.listen(); !listening) {
    throw std::runtime_error(listening.error().message + (listening.error().hint.empty() ? "" : ": ") +
                             listening.error().hint);
  }
  stages_.spawn("control", server_.run());
  stages_.spawn("signals", handle_signals());
  stages_.spawn("watchdog", feed_watchdog());
  stages_.spawn("watch", watcher_.run());
  stages_.spawn("ingest", keep_running(ingester_));
  stages_.spawn("pack", pack_after_guard());
  stages_.spawn("submit", keep_running(submitter_));
  stages_.spawn("settle", keep_running(settler_));
  stages_.spawn("poll", keep_running(poller_));
  stages_.spawn("results", keep_running(collector_));
  stages_.spawn("claim", keep_running(claimer_));
  stages_.spawn("export", keep_running(exporter_));
  log_.info("daemon.started",
            {{"version", OFFPEAK_VERSION}, {"socket", config_.paths.socket}, {"provider", config_.provider.base_url}});
  notify_ready("running");
  co_await stages_.join();
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
    stages_.spawn("stop", stop());
  }
}

// What is past its commit point gets a moment for its answer; everything else stops where it stands.
Task<> App::stop() {
  const auto until = clock_.steady_now() + commit_grace;
  while (submitter_.committing() && clock_.steady_now() < until) {
    co_await sleep_for(clock_, std::chrono::milliseconds(20));
  }
  stages_.cancel();
}

Task<> App::feed_watchdog() {
  const auto interval = watchdog_interval();
  if (!interval) co_return;
  for (;;) {
    notify_watchdog();
    co_await sleep_for(clock_, *interval);
  }
}

// A bad file, or a key that cannot be read, keeps the old settings and says so.
void App::reload() {
  notify_reloading();
  auto read = read_settings(options_);
  if (const auto* errors = std::get_if<std::vector<ConfigError>>(&read)) {
    for (const auto& error : *errors)
      log_.error("config.bad", {{"error", to_text(error)}, {"act", "old settings stay"}});
    notify_ready("running with the old settings: the configuration has errors");
    return;
  }
  auto& settings = std::get<Settings>(read);
  auto key = load_api_key(settings.config.provider, system_environment);
  if (const auto* error = std::get_if<ConfigError>(&key)) {
    log_.error("config.bad", {{"error", to_text(*error)}, {"act", "old settings stay"}});
    notify_ready("running with the old settings: the key cannot be read");
    return;
  }
  try {
    live_provider_.replace(make_provider(executor_, settings.config, std::get<std::string>(key)));
  } catch (const std::exception& error) {
    log_.error("config.bad", {{"error", error.what()}, {"act", "old settings stay"}});
    notify_ready("running with the old settings: the provider cannot be set up");
    return;
  }
  if (settings.config.paths != settings_.config.paths) {
    log_.warning("config.paths_need_a_restart", {{"act", "restart offpeakd to use the new paths"}});
    settings.config.paths = settings_.config.paths;
  }
  settings_ = std::move(settings);
  log_.set_level(settings_.config.log.level);
  log_.info("config.reloaded");
  notify_ready("running");
  ring_all();
}

void App::ring_all() {
  for (Wakeup* bell : {&ingest_bell_, &pack_bell_, &submit_bell_, &settle_bell_, &poll_bell_, &collect_bell_,
                       &claim_bell_, &export_bell_}) {
    bell->notify();
  }
}

}  // namespace

int run_daemon(const DaemonOptions& options, Settings settings, Log& log) {
  ::signal(SIGPIPE, SIG_IGN);
  ::umask(0007);
  auto key = load_api_key(settings.config.provider, system_environment);
  if (const auto* error = std::get_if<ConfigError>(&key)) {
    log.error("config.bad", {{"error", to_text(*error)}});
    return exit_configuration;
  }
  SystemFiles files;
  if (auto made = make_spool(files, settings.config.paths); !made) {
    log.error("daemon.failed", {{"error", made.error().message}});
    return exit_failed;
  }
  try {
    boost::asio::io_context context(1);
    App app(context, options, std::move(settings), log, std::get<std::string>(std::move(key)));
    TaskGroup root(context.get_executor());
    root.spawn("daemon", app.run());
    context.run();
    if (root.failure()) std::rethrow_exception(root.failure());
    log.info("daemon.stopped");
    return exit_ok;
  } catch (const QueueInUse& error) {
    log.error("daemon.state_in_use", {{"error", error.what()}});
    return exit_state_in_use;
  } catch (const std::exception& error) {
    log.error("daemon.failed", {{"error", error.what()}, {"act", "see the message; a restart recovers"}});
    return exit_failed;
  }
}

}  // namespace offpeak
