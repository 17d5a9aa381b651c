// The provider in process must be no other than the one over HTTP: stage tests stand on it.
#include "support/sim_provider.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "support/virtual_clock.hpp"
#include "unit/provider/conformance.hpp"

namespace offpeak::test {
namespace {

class SimWorld {
 public:
  Provider& provider() { return provider_; }
  template <class T>
  T run(Task<T> task) {
    std::optional<T> value;
    boost::asio::co_spawn(io_, std::move(task), [&](std::exception_ptr failure, T result) {
      if (failure) std::rethrow_exception(failure);
      value.emplace(std::move(result));
    });
    clock_.advance_until([&] { return value.has_value(); }, std::chrono::hours(1));
    return std::move(*value);
  }
  void end_all() { service_.end_all(clock_.now()); }

 private:
  boost::asio::io_context io_;
  offpeak::testing::VirtualClock clock_{io_};
  sim::Service service_{sim::Settings()};
  offpeak::testing::SimProvider provider_{service_, clock_};
};

INSTANTIATE_TYPED_TEST_SUITE_P(InProcess, ProviderConformance, SimWorld);

}  // namespace
}  // namespace offpeak::test
