// TaskGroup: the only place that spawns coroutines. The first task that fails cancels the others; join() waits until
// none is left and rethrows that first failure. I/O thread only. A group is declared last among the things its tasks
// refer to, and is joined before it dies.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>
#include <exception>
#include <list>
#include <memory>
#include <string>

#include "base/task.hpp"

namespace offpeak {

class TaskGroup {
 public:
  explicit TaskGroup(boost::asio::any_io_executor executor);
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  // A task that ends by cancellation is not a failure. Spawning into a canceled group cancels the task at once.
  void spawn(std::string name, Task<> task);
  // Asks every task to stop at its next suspension. Repeating it is harmless.
  void cancel();
  Task<> join();

  std::size_t size() const { return children_.size(); }
  bool canceled() const { return canceled_; }
  // What the first task that failed threw; nothing where none did.
  std::exception_ptr failure() const { return failure_; }
  // The name of the task that failed first, for the log.
  const std::string& failed_task() const { return failed_task_; }

 private:
  struct Child {
    std::string name;
    boost::asio::cancellation_signal signal;
  };
  void finished(const std::shared_ptr<Child>& child, std::exception_ptr failure);

  boost::asio::any_io_executor executor_;
  boost::asio::steady_timer changed_;
  std::list<std::shared_ptr<Child>> children_;  // shared: a posted cancel may come after the end
  std::exception_ptr failure_;
  std::string failed_task_;
  bool canceled_ = false;
};

}  // namespace offpeak
