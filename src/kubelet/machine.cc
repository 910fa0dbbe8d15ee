#include "kubelet/machine.h"

#include <sys/utsname.h>
#include <unistd.h>

#include "base/strings.h"
#include "platform/system.h"

namespace weir::kubelet {

MachineFacts ReadMachineFacts(const std::string& node_name, const std::string& host_ip,
                              const std::string& version) {
  platform::SystemFileSystem files;
  MachineFacts facts;
  facts.node_name = node_name;
  facts.address = host_ip;
  facts.weir_version = version;
  struct utsname name{};
  if (uname(&name) == 0) {
    facts.host_name = name.nodename;
    facts.kernel_version = name.release;
    const std::string machine = name.machine;
    facts.architecture = machine == "x86_64" ? "amd64" : machine == "aarch64" ? "arm64" : machine;
  }
  facts.machine_id = Trim(files.Read("/etc/machine-id").value_or(""));
  for (const std::string& line : Split(files.Read("/etc/os-release").value_or(""), '\n')) {
    constexpr std::string_view kPretty = "PRETTY_NAME=";
    if (line.starts_with(kPretty)) {
      facts.os_image = ReplaceAll(std::string_view(line).substr(kPretty.size()), "\"", "");
    }
  }
  facts.cpus = sysconf(_SC_NPROCESSORS_ONLN);
  facts.memory_bytes = sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
  return facts;
}

}  // namespace weir::kubelet
