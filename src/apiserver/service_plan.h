// Addresses and node ports of Services: what upstream's allocators (pkg/registry/core/service) keep
// in bitmaps is here derived from the stored Services, so that nothing can leak or be lost in a
// restart. Pure functions.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "kube/strategy.h"
#include "kubestore/store.h"

namespace weir::apiserver {

struct ServiceRange {
  std::string text;  // "127.96.0.0/16"
  std::uint32_t base = 0;
  std::uint32_t size = 0;  // addresses, the first (network) and last (broadcast) are not given
  std::uint16_t port_first = 0, port_last = 0;
};
Result<ServiceRange> ParseServiceRange(std::string_view network, std::uint16_t port_first,
                                       std::uint16_t port_last);

struct ServiceUse {
  std::set<std::uint32_t> addresses;
  std::set<std::int64_t> ports;
};
// What all Services but `except` hold.
ServiceUse UsedBy(const std::vector<kubestore::ObjectPtr>& services, std::string_view except_uid);

// After validation: gives what is missing. `pick` chooses where the search begins. Errors are field
// errors of the Service. A dry run does not look at what others hold, nor at the range of ports.
std::vector<kube::FieldError> AllocateService(const ServiceRange& range, const ServiceUse& used,
                                              std::uint64_t pick, bool dry_run, Json& service);

// "127.96.0.1": the address of Service `kubernetes`.
std::string FirstAddress(const ServiceRange& range);

}  // namespace weir::apiserver
