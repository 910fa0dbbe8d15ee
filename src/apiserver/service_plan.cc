#include "apiserver/service_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <optional>

#include "base/strings.h"

namespace weir::apiserver {
namespace {

std::optional<std::uint32_t> ParseAddress(std::string_view text) {
  const std::vector<std::string> parts = Split(text, '.');
  if (parts.size() != 4) return std::nullopt;
  std::uint32_t address = 0;
  for (const std::string& part : parts) {
    const auto byte = ParseInt(part);
    if (!byte || *byte < 0 || *byte > 255) return std::nullopt;
    address = address << 8U | static_cast<std::uint32_t>(*byte);
  }
  return address;
}

std::string FormatAddress(std::uint32_t address) {
  return fmt::format("{}.{}.{}.{}", address >> 24U, address >> 16U & 255U, address >> 8U & 255U,
                     address & 255U);
}

std::string TypeOf(const Json& service) {
  return GetString(service, {"spec", "type"}, "ClusterIP");
}

bool HasAddress(const Json& service) { return TypeOf(service) != "ExternalName"; }

bool HasNodePorts(const Json& service) {
  if (TypeOf(service) == "NodePort") return true;
  return TypeOf(service) == "LoadBalancer" &&
         GetBool(service, {"spec", "allocateLoadBalancerNodePorts"}, true);
}

kube::FieldError AddressError(const std::string& address, const std::string& why) {
  return {"FieldValueInvalid", "spec.clusterIPs",
          fmt::format("Invalid value: [{}]: failed to allocate IP {}: {}", Quote(address), address,
                      why)};
}

std::vector<kube::FieldError> AllocateAddress(const ServiceRange& range, const ServiceUse& used,
                                              std::uint64_t pick, bool dry_run, Json& spec) {
  const std::string wanted = GetString(spec, "clusterIP");
  if (wanted.empty()) {
    const std::uint32_t usable = range.size - 2;
    for (std::uint32_t i = 0; i < usable; ++i) {
      const std::uint32_t offset = 1 + static_cast<std::uint32_t>((pick + i) % usable);
      if (used.addresses.contains(range.base + offset)) continue;
      spec["clusterIP"] = FormatAddress(range.base + offset);
      break;
    }
    if (GetString(spec, "clusterIP").empty()) {
      return {{"InternalError", "spec.clusterIPs",
               "Internal error: failed to allocate a serviceIP: range is full"}};
    }
  } else if (wanted != "None") {
    const auto address = ParseAddress(wanted);
    if (!address || *address <= range.base || *address >= range.base + range.size - 1) {
      // Upstream asks another allocator where nothing is kept.
      const std::string why =
          dry_run ? fmt::format(
                        "the provided IP ({}) is not in the valid range. The range of valid "
                        "IPs is {}",
                        wanted, range.text)
                  : "the provided network does not match the current range";
      return {AddressError(wanted, why)};
    }
    if (!dry_run && used.addresses.contains(*address)) {
      return {AddressError(wanted, "provided IP is already allocated")};
    }
  }
  spec["clusterIPs"] = Json::array({spec["clusterIP"]});
  if (!spec.contains("ipFamilies")) spec["ipFamilies"] = Json::array({"IPv4"});
  if (!spec.contains("ipFamilyPolicy")) spec["ipFamilyPolicy"] = "SingleStack";
  return {};
}

std::vector<kube::FieldError> AllocatePorts(const ServiceRange& range, const ServiceUse& used,
                                            std::uint64_t pick, bool dry_run, Json& ports) {
  std::vector<kube::FieldError> errors;
  std::set<std::int64_t> taken = dry_run ? std::set<std::int64_t>() : used.ports;
  const auto refuse = [&errors](std::size_t i, std::int64_t number, const std::string& why) {
    errors.push_back({"FieldValueInvalid", fmt::format("spec.ports[{}].nodePort", i),
                      fmt::format("Invalid value: {}: {}", number, why)});
  };
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const std::int64_t number = GetInt(ports[i], {"nodePort"}, 0);
    if (number == 0) continue;
    if (!dry_run && (number < range.port_first || number > range.port_last)) {
      refuse(i, number,
             fmt::format("provided port is not in the valid range. The range of valid ports is "
                         "{}-{}",
                         range.port_first, range.port_last));
    } else if (!taken.insert(number).second) {
      refuse(i, number, "provided port is already allocated");
    }
  }
  const std::int64_t count = range.port_last - range.port_first + 1;
  for (std::size_t i = 0; i < ports.size() && errors.empty(); ++i) {
    if (GetInt(ports[i], {"nodePort"}, 0) != 0) continue;
    std::int64_t found = 0;
    for (std::int64_t step = 0; step < count && found == 0; ++step) {
      const std::int64_t number =
          range.port_first + static_cast<std::int64_t>((pick + static_cast<std::uint64_t>(step)) %
                                                       static_cast<std::uint64_t>(count));
      if (taken.insert(number).second) found = number;
    }
    if (found == 0) {
      errors.push_back({"InternalError", fmt::format("spec.ports[{}].nodePort", i),
                        "Internal error: failed to allocate a nodePort: range is full"});
      break;
    }
    ports[i]["nodePort"] = found;
  }
  return errors;
}

}  // namespace

Result<ServiceRange> ParseServiceRange(std::string_view network, std::uint16_t port_first,
                                       std::uint16_t port_last) {
  const std::size_t slash = network.find('/');
  const auto base = ParseAddress(network.substr(0, slash));
  const auto bits =
      slash == std::string_view::npos ? std::nullopt : ParseInt(network.substr(slash + 1));
  if (!base || !bits || *bits < 8 || *bits > 30) {
    return Fail(
        Code::kInvalid,
        fmt::format("service network {}: ADDRESS/BITS with 8 to 30 bits expected", network));
  }
  const std::uint32_t size = 1U << (32U - static_cast<std::uint32_t>(*bits));
  if ((*base & (size - 1)) != 0) {
    return Fail(Code::kInvalid,
                fmt::format("service network {}: bits behind the prefix are set", network));
  }
  if (port_first == 0 || port_first > port_last) {
    return Fail(Code::kInvalid, fmt::format("node ports {}-{}: no range", port_first, port_last));
  }
  return ServiceRange{std::string(network), *base, size, port_first, port_last};
}

ServiceUse UsedBy(const std::vector<kubestore::ObjectPtr>& services, std::string_view except_uid) {
  ServiceUse use;
  for (const auto& service : services) {
    if (!except_uid.empty() && GetString(service->value, {"metadata", "uid"}) == except_uid) {
      continue;
    }
    for (const Json& text : GetArray(service->value, {"spec", "clusterIPs"})) {
      const auto address =
          text.is_string() ? ParseAddress(text.get_ref<const std::string&>()) : std::nullopt;
      if (address) use.addresses.insert(*address);
    }
    for (const Json& port : GetArray(service->value, {"spec", "ports"})) {
      const std::int64_t number = GetInt(port, {"nodePort"}, 0);
      if (number != 0) use.ports.insert(number);
    }
  }
  return use;
}

std::vector<kube::FieldError> AllocateService(const ServiceRange& range, const ServiceUse& used,
                                              std::uint64_t pick, bool dry_run, Json& service) {
  std::vector<kube::FieldError> errors;
  Json& spec = Ensure(service, {"spec"});
  if (HasAddress(service)) errors = AllocateAddress(range, used, pick, dry_run, spec);
  if (errors.empty() && HasNodePorts(service) && spec.contains("ports")) {
    errors = AllocatePorts(range, used, pick, dry_run, spec["ports"]);
  }
  return errors;
}

std::string FirstAddress(const ServiceRange& range) { return FormatAddress(range.base + 1); }

}  // namespace weir::apiserver
