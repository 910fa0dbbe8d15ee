#include "client/work_queue_plan.h"

#include <algorithm>
#include <utility>

namespace weir::client {

bool WorkQueue::Add(const std::string& key) {
  if (!waiting_.insert(key).second || taken_.contains(key)) return false;
  order_.push_back(key);
  return true;
}

std::optional<std::string> WorkQueue::Take() {
  if (order_.empty()) return std::nullopt;
  std::string key = std::move(order_.front());
  order_.pop_front();
  waiting_.erase(key);
  taken_.insert(key);
  return key;
}

bool WorkQueue::Done(const std::string& key) {
  taken_.erase(key);
  if (!waiting_.contains(key)) return false;
  order_.push_back(key);
  return true;
}

Duration WorkQueue::Failed(const std::string& key) {
  constexpr Duration kFirst = std::chrono::milliseconds(5);
  constexpr Duration kLast = std::chrono::seconds(30);
  constexpr int kDoublingsMax = 20;
  const int doublings = std::min(failures_[key]++, kDoublingsMax);
  return std::min<Duration>(kFirst * (1 << doublings), kLast);
}

}  // namespace weir::client
