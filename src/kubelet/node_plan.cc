#include "kubelet/node_plan.h"

namespace weir::kubelet {
namespace {

constexpr int kMaxPods = 1000;  // processes are cheaper than containers: not upstream's 110

Json Condition(const Json& before, const char* type, const char* status, const char* reason,
               const char* message, Time now) {
  std::string since = FormatRfc3339(now);
  for (const Json& old : GetArray(before, {"status", "conditions"})) {
    if (GetString(old, "type") == type && GetString(old, "status") == status) {
      since = GetString(old, "lastTransitionTime");
    }
  }
  return {{"type", type},
          {"status", status},
          {"reason", reason},
          {"message", message},
          {"lastHeartbeatTime", FormatRfc3339(now)},
          {"lastTransitionTime", since}};
}

}  // namespace

Json NodeObject(const MachineFacts& facts) {
  return {{"apiVersion", "v1"},
          {"kind", "Node"},
          {"metadata",
           {{"name", facts.node_name},
            {"labels",
             {{"kubernetes.io/hostname", facts.node_name},
              {"kubernetes.io/os", "linux"},
              {"kubernetes.io/arch", facts.architecture},
              {"beta.kubernetes.io/os", "linux"},
              {"beta.kubernetes.io/arch", facts.architecture},
              {"node-role.kubernetes.io/control-plane", ""}}}}}};
}

Json NodeStatus(const MachineFacts& facts, const Json& before, Time now) {
  const Json room = {{"cpu", std::to_string(facts.cpus)},
                     {"memory", std::to_string(facts.memory_bytes / 1024) + "Ki"},
                     {"ephemeral-storage", "0"},
                     {"pods", std::to_string(kMaxPods)}};
  return {{"capacity", room},
          {"allocatable", room},
          {"addresses", Json::array({{{"type", "InternalIP"}, {"address", facts.address}},
                                     {{"type", "Hostname"}, {"address", facts.host_name}}})},
          {"conditions",
           Json::array({Condition(before, "MemoryPressure", "False", "KubeletHasSufficientMemory",
                                  "kubelet has sufficient memory available", now),
                        Condition(before, "DiskPressure", "False", "KubeletHasNoDiskPressure",
                                  "kubelet has no disk pressure", now),
                        Condition(before, "PIDPressure", "False", "KubeletHasSufficientPID",
                                  "kubelet has sufficient PID available", now),
                        Condition(before, "Ready", "True", "KubeletReady",
                                  "kubelet is posting ready status", now)})},
          {"nodeInfo",
           {{"machineID", facts.machine_id},
            {"systemUUID", facts.machine_id},
            {"bootID", ""},
            {"kernelVersion", facts.kernel_version},
            {"osImage", facts.os_image},
            {"containerRuntimeVersion", "weir://" + facts.weir_version},
            {"kubeletVersion", "v1.36.3"},
            {"kubeProxyVersion", ""},
            {"operatingSystem", "linux"},
            {"architecture", facts.architecture}}}};
}

}  // namespace weir::kubelet
