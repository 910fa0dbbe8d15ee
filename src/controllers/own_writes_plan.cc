#include "controllers/own_writes_plan.h"

namespace weir::controllers {
namespace {

constexpr Duration kTimeout = std::chrono::seconds(30);

}  // namespace

void OwnWrites::Wrote(const std::string& owner, const std::string& uid, std::int64_t generation,
                      Duration now) {
  owners_[owner][uid] = {generation, now};
}

void OwnWrites::Saw(const std::string& owner, const std::string& uid, std::int64_t generation) {
  auto writes = owners_.find(owner);
  if (writes == owners_.end()) return;
  auto write = writes->second.find(uid);
  if (write == writes->second.end() || generation < write->second.generation) return;
  Gone(owner, uid);
}

void OwnWrites::Gone(const std::string& owner, const std::string& uid) {
  auto writes = owners_.find(owner);
  if (writes == owners_.end()) return;
  writes->second.erase(uid);
  if (writes->second.empty()) owners_.erase(writes);
}

bool OwnWrites::Settled(const std::string& owner, Duration now) const {
  auto writes = owners_.find(owner);
  if (writes == owners_.end()) return true;
  for (const auto& [uid, write] : writes->second) {
    if (now - write.at < kTimeout) return false;
  }
  return true;
}

}  // namespace weir::controllers
