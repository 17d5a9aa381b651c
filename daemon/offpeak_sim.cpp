// offpeak-sim: a simulated Message Batches API over HTTP, for trying offpeak without a key and for tests.
#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/system/system_error.hpp>
#include <cstdio>
#include <exception>

#include "daemon/sim/options.hpp"
#include "daemon/sim/server.hpp"

int main(int argc, char** argv) {
  using namespace offpeak;
  const auto parsed = sim::parse_options(argc, argv);
  if (parsed.exit_code) return *parsed.exit_code;
  try {
    boost::asio::io_context io(1);
    sim::Server server(io.get_executor(), parsed.options);
    TaskGroup group(io.get_executor());
    group.spawn("server", server.run());
    fmt::print("listening on {}\n", server.url());
    std::fflush(stdout);
    io.run();
    if (!group.canceled()) return 0;
    fmt::print(stderr, "offpeak-sim: the server failed\n");  // only a failure cancels this group
    return 1;
  } catch (const boost::system::system_error& error) {
    fmt::print(stderr, "offpeak-sim: cannot serve {}:{}: {}\n", parsed.options.host, parsed.options.port,
               error.code().message());
    return 1;
  } catch (const std::exception& error) {
    fmt::print(stderr, "offpeak-sim: {}\n", error.what());
    return 1;
  }
}
