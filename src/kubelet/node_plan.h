// The Node object of this machine. Pure.
#pragma once

#include <string>

#include "base/json.h"
#include "base/time.h"

namespace weir::kubelet {

struct MachineFacts {
  std::string node_name;
  std::string host_name;
  std::string address = "127.0.0.1";
  std::string kernel_version;
  std::string os_image;
  std::string architecture = "amd64";
  std::string machine_id;
  std::int64_t cpus = 1;
  std::int64_t memory_bytes = 0;
  std::string weir_version;
};

// The object to create: labels, no status.
Json NodeObject(const MachineFacts& facts);
// Its status; transition times of `before` (the node as the API has it, or null) are kept.
Json NodeStatus(const MachineFacts& facts, const Json& before, Time now);

}  // namespace weir::kubelet
