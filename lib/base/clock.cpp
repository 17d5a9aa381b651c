#include "base/clock.hpp"

#include <fmt/format.h>
#include <sys/timerfd.h>
#include <time.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <map>
#include <system_error>

#include "base/wakeup.hpp"

namespace offpeak {

// The deadlines of one clock, and the one descriptor that becomes readable at the soonest of them.
class SystemClock::Alarm : public std::enable_shared_from_this<Alarm> {
 public:
  explicit Alarm(const boost::asio::any_io_executor& executor) : ring_(executor) {
    const int fd = ::timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    if (fd < 0) throw std::system_error(errno, std::generic_category(), "timerfd_create(CLOCK_BOOTTIME)");
    ring_.assign(fd);
  }

  void arm(boost::asio::steady_timer& timer, SteadyTime deadline) {
    remove(timer);
    armed_.emplace(deadline, &timer);
    set();
  }
  void disarm(boost::asio::steady_timer& timer) {
    if (remove(timer)) set();
  }

 private:
  bool remove(boost::asio::steady_timer& timer) {
    for (auto it = armed_.begin(); it != armed_.end(); ++it) {
      if (it->second != &timer) continue;
      armed_.erase(it);
      return true;
    }
    return false;
  }

  // Rings at the soonest deadline. While there is none, nothing waits, so that an io_context may run dry.
  void set() {
    const auto soonest = armed_.empty() ? SteadyTime() : armed_.begin()->first;
    if (soonest != set_for_) {
      set_for_ = soonest;
      const auto since_boot = armed_.empty() ? std::chrono::nanoseconds(0)
                                             : std::max(std::chrono::nanoseconds(soonest.time_since_epoch()),
                                                        std::chrono::nanoseconds(1));  // 0 would be: never
      itimerspec spec{};
      spec.it_value.tv_sec = since_boot.count() / 1'000'000'000;
      spec.it_value.tv_nsec = since_boot.count() % 1'000'000'000;
      ::timerfd_settime(ring_.native_handle(), TFD_TIMER_ABSTIME, &spec, nullptr);
    }
    if (armed_.empty() && waiting_) ring_.cancel();
    if (armed_.empty() || waiting_) return;
    waiting_ = true;
    ring_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                     [self = shared_from_this()](boost::system::error_code) { self->rung(); });
  }

  // Also where the wait was canceled: what is armed by now decides.
  void rung() {
    waiting_ = false;
    const auto now = SystemClock().steady_now();
    while (!armed_.empty() && armed_.begin()->first <= now) {
      auto* due = armed_.begin()->second;
      armed_.erase(armed_.begin());
      due->cancel();
    }
    // It stays readable until it is set anew.
    if (set_for_ <= now) set_for_ = SteadyTime::min();
    set();
  }

  boost::asio::posix::stream_descriptor ring_;
  std::multimap<SteadyTime, boost::asio::steady_timer*> armed_;
  SteadyTime set_for_{};  // {}: not set
  bool waiting_ = false;
};

SystemClock::SystemClock() = default;
SystemClock::~SystemClock() = default;

SteadyTime SystemClock::steady_now() const {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return SteadyTime(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
}

void SystemClock::arm(boost::asio::steady_timer& timer, SteadyTime deadline) {
  disarm(timer);
  timer.expires_at(SteadyTime::max());
  if (deadline == SteadyTime::max()) return;
  if (!alarm_) alarm_ = std::make_shared<Alarm>(timer.get_executor());
  alarm_->arm(timer, deadline);
}

void SystemClock::disarm(boost::asio::steady_timer& timer) {
  timer.cancel();
  if (alarm_) alarm_->disarm(timer);
}

Instant SystemClock::now() const { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

Task<> sleep_for(Clock& clock, Duration duration) {
  Wakeup never_notified(clock, co_await boost::asio::this_coro::executor);
  co_await never_notified.wait_until(clock.steady_now() + duration);
}

std::string to_rfc3339(Instant instant) {
  const auto day = std::chrono::floor<std::chrono::days>(instant);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(instant - day);
  auto text = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                          static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), time.hours().count(),
                          time.minutes().count(), time.seconds().count());
  if (const auto millis = time.subseconds().count(); millis != 0) text += fmt::format(".{:03}", millis);
  return text + "Z";
}

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Takes exactly `digits` decimal digits from the front of `text`.
std::optional<int> take_number(std::string_view& text, std::size_t digits) {
  int value = 0;
  if (text.size() < digits) return std::nullopt;
  for (const char c : text.substr(0, digits)) {
    if (!is_digit(c)) return std::nullopt;
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(digits);
  return value;
}

// `expected` is a sign, or a letter in upper case that may stand in lower case too.
bool take(std::string_view& text, char expected) {
  const bool letter = expected >= 'A' && expected <= 'Z';
  if (text.empty() || (text.front() != expected && !(letter && text.front() == (expected | 0x20)))) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

std::optional<Instant> parse_rfc3339(std::string_view text) {
  using namespace std::chrono;
  const auto y = take_number(text, 4);
  if (!y || !take(text, '-')) return std::nullopt;
  const auto mo = take_number(text, 2);
  if (!mo || !take(text, '-')) return std::nullopt;
  const auto d = take_number(text, 2);
  if (!d || !take(text, 'T')) return std::nullopt;
  const auto h = take_number(text, 2);
  if (!h || !take(text, ':')) return std::nullopt;
  const auto mi = take_number(text, 2);
  if (!mi || !take(text, ':')) return std::nullopt;
  const auto s = take_number(text, 2);
  if (!s) return std::nullopt;

  std::int64_t millis = 0;
  if (!text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    if (text.empty() || !is_digit(text.front())) return std::nullopt;
    std::int64_t scale = 100;
    while (!text.empty() && is_digit(text.front())) {
      millis += (text.front() - '0') * scale;
      scale /= 10;
      text.remove_prefix(1);
    }
  }
  minutes offset{0};
  if (!take(text, 'Z')) {
    if (text.empty() || (text.front() != '+' && text.front() != '-')) return std::nullopt;
    const int sign = text.front() == '-' ? -1 : 1;
    text.remove_prefix(1);
    const auto oh = take_number(text, 2);
    if (!oh || !take(text, ':')) return std::nullopt;
    const auto om = take_number(text, 2);
    if (!om || *oh > 23 || *om > 59) return std::nullopt;
    offset = minutes(sign * (*oh * 60 + *om));
  }
  const year_month_day date(year(*y), month(static_cast<unsigned>(*mo)), day(static_cast<unsigned>(*d)));
  if (!text.empty() || !date.ok() || *h > 23 || *mi > 59 || *s > 60) return std::nullopt;
  return Instant(sys_days(date)) + hours(*h) + minutes(*mi) + seconds(*s) + milliseconds(millis) - offset;
}

}  // namespace offpeak
