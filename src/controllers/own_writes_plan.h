// Which of a controller's own writes its cache does not show yet: until it does, the controller
// would decide on what it has already changed. Pure value; `now` is time since an arbitrary start.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/time.h"

namespace weir::controllers {

class OwnWrites {
 public:
  // `owner` is the key being reconciled, `uid` the object written, with its generation since.
  void Wrote(const std::string& owner, const std::string& uid, std::int64_t generation,
             Duration now);
  // The cache shows the object so; or shows it no more.
  void Saw(const std::string& owner, const std::string& uid, std::int64_t generation);
  void Gone(const std::string& owner, const std::string& uid);
  // Nothing is outstanding, or it has been for so long that it never will come (30 s).
  bool Settled(const std::string& owner, Duration now) const;
  void Forget(const std::string& owner) { owners_.erase(owner); }

 private:
  struct Write {
    std::int64_t generation = 0;
    Duration at{0};
  };
  std::map<std::string, std::map<std::string, Write>> owners_;
};

}  // namespace weir::controllers
