// What the reconcile loop does with keys, without threads, timers or tasks. client-go's workqueue:
// a key is taken by one worker at a time, waits at most once, and comes again after its worker is
// done where it was added meanwhile. Pure.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/time.h"

namespace weir::client {

class WorkQueue {
 public:
  // True where the key is newly waiting, so that a worker should be woken.
  bool Add(const std::string& key);
  // The key that has waited longest; it counts as taken until Done.
  std::optional<std::string> Take();
  // True where the key was added meanwhile and waits again.
  bool Done(const std::string& key);

  // How long to wait before the key's next try, after one more failure in a row: 5 ms doubling to
  // 30 s.
  Duration Failed(const std::string& key);
  // Its failures are over.
  void Succeeded(const std::string& key) { failures_.erase(key); }

  std::size_t waiting() const { return order_.size(); }

 private:
  std::deque<std::string> order_;
  std::set<std::string> waiting_;  // in order_, or to be put there when done
  std::set<std::string> taken_;
  std::map<std::string, int> failures_;
};

}  // namespace weir::client
