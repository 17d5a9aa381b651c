// Task: what every coroutine of offpeak returns. Rules for coroutines: no capturing lambda is a coroutine; parameters
// by value, or by reference to what outlives the frame; only TaskGroup spawns.
#pragma once

#include <boost/asio/awaitable.hpp>

namespace offpeak {

template <class T = void>
using Task = boost::asio::awaitable<T>;

}  // namespace offpeak
