// Which loopback address each pod has. Pure value.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "base/result.h"

namespace weir::kubelet {

// Addresses of one network (`127.64.0.0/16`), handed out in turn, so that an address that was just
// released is used again as late as possible: connections to the last holder may linger.
class AddressPool {
 public:
  // kInvalid unless it is an IPv4 network inside 127.0.0.0/8 with a length of 9 to 30.
  static Result<AddressPool> Make(const std::string& network);

  // A free address. kUnavailable when all are taken.
  Result<std::string> Take();
  // Keeps an address that a pod has already. false where it is taken or not of this network.
  bool Keep(const std::string& address);
  void Release(const std::string& address);
  std::size_t taken() const { return taken_.size(); }

 private:
  std::uint32_t first_ = 0;  // the first usable address, and the last
  std::uint32_t last_ = 0;
  std::uint32_t next_ = 0;
  std::set<std::uint32_t> taken_;
};

}  // namespace weir::kubelet
