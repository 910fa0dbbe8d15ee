// The syntax of what validation meets beside labels (names.h): names of objects and ports, keys,
// variables, addresses. Each function returns the reasons why a text is refused, in upstream's
// words; none if it is fine. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::kube {

using Reasons = std::vector<std::string>;

// As DnsLabelErrors, and tells a name that is a label in all but its dots so.
Reasons Dns1123LabelErrors(std::string_view text);
Reasons Dns1035LabelErrors(std::string_view text);
// The key of a ConfigMap's or Secret's data.
Reasons ConfigKeyErrors(std::string_view text);
Reasons EnvVarNameErrors(std::string_view text);
Reasons HttpHeaderNameErrors(std::string_view text);
// A named port (IANA_SVC_NAME).
Reasons PortNameErrors(std::string_view text);
Reasons PortNumberErrors(std::int64_t port);
// One segment of a URL path.
Reasons PathSegmentErrors(std::string_view text);
Reasons IpErrors(std::string_view text);
Reasons CidrErrors(std::string_view text);
// Addresses that no endpoint and no external IP may have: loopback (unless allowed), link-local,
// unspecified.
Reasons SpecialIpErrors(std::string_view text, bool allow_loopback);

bool IsIpv4(std::string_view text);
bool IsIpv6(std::string_view text);

}  // namespace weir::kube
