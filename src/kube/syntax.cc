#include "kube/syntax.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "kube/names.h"

namespace weir::kube {
namespace {

constexpr std::string_view kDns1035Words =
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an "
    "alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', "
    "regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
constexpr std::string_view kConfigKeyWords =
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. "
    "'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is "
    "'[-._a-zA-Z0-9]+')";

bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLowerAlnum(char c) { return IsLower(c) || IsDigit(c); }
bool IsAlnum(char c) { return IsLowerAlnum(c) || (c >= 'A' && c <= 'Z'); }
bool IsAlnumHyphen(char c) { return IsAlnum(c) || c == '-'; }
bool IsHex(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

bool All(std::string_view text, bool (*is)(char)) {
  return std::all_of(text.begin(), text.end(), is);
}

std::string AtMostCharacters(int count) {
  return fmt::format("must be no more than {} characters", count);
}

// How many 16-bit groups of an IPv6 address the text is; -1 if it is none. An IPv4 address at the
// end counts as two.
int Ipv6Groups(std::string_view text) {
  if (text.empty()) return 0;
  int count = 0;
  std::vector<std::string> parts = Split(text, ':');
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i + 1 == parts.size() && IsIpv4(parts[i])) {
      count += 2;
    } else if (parts[i].empty() || parts[i].size() > 4 || !All(parts[i], IsHex)) {
      return -1;
    } else {
      ++count;
    }
  }
  return count;
}

}  // namespace

Reasons Dns1123LabelErrors(std::string_view text) {
  if (text.size() <= 63 && text.find('.') != std::string_view::npos &&
      SubdomainErrors(text).empty()) {
    return {"must not contain dots"};
  }
  return DnsLabelErrors(text);
}

Reasons Dns1035LabelErrors(std::string_view text) {
  Reasons out;
  if (text.size() > 63) out.push_back(AtMostCharacters(63));
  bool fine = !text.empty() && IsLower(text.front()) && text.back() != '-' &&
              All(text, [](char c) { return IsLowerAlnum(c) || c == '-'; });
  if (!fine) out.emplace_back(kDns1035Words);
  return out;
}

Reasons ConfigKeyErrors(std::string_view text) {
  Reasons out;
  if (text.size() > 253) out.push_back(AtMostCharacters(253));
  if (text.empty() || !All(text, [](char c) { return IsAlnumHyphen(c) || c == '_' || c == '.'; })) {
    out.emplace_back(kConfigKeyWords);
  }
  if (text == "." || text == "..") {
    out.push_back(fmt::format("must not be '{}'", text));
  } else if (text.starts_with("..")) {
    out.emplace_back("must not start with '..'");
  }
  return out;
}

Reasons EnvVarNameErrors(std::string_view text) {
  if (!text.empty() && All(text, [](char c) { return c >= ' ' && c <= '~' && c != '='; })) {
    return {};
  }
  return {
      "a valid environment variable name must consist only of printable ASCII characters other "
      "than '='"};
}

Reasons HttpHeaderNameErrors(std::string_view text) {
  if (!text.empty() && All(text, IsAlnumHyphen)) return {};
  return {
      "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', "
      "regex used for validation is '[-A-Za-z0-9]+')"};
}

Reasons PortNameErrors(std::string_view text) {
  Reasons out;
  if (text.size() > 15) out.push_back(AtMostCharacters(15));
  if (text.empty() || !All(text, [](char c) { return IsLowerAlnum(c) || c == '-'; })) {
    out.emplace_back("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
  }
  if (!std::any_of(text.begin(), text.end(), IsLower)) {
    out.emplace_back("must contain at least one letter (a-z)");
  }
  if (text.find("--") != std::string_view::npos) {
    out.emplace_back("must not contain consecutive hyphens");
  }
  if (!text.empty() && (text.front() == '-' || text.back() == '-')) {
    out.emplace_back("must not begin or end with a hyphen");
  }
  return out;
}

Reasons PortNumberErrors(std::int64_t port) {
  if (port >= 1 && port <= 65535) return {};
  return {"must be between 1 and 65535, inclusive"};
}

Reasons PathSegmentErrors(std::string_view text) {
  if (text == "." || text == "..") return {fmt::format("may not be '{}'", text)};
  Reasons out;
  for (char c : {'/', '%'}) {
    if (text.find(c) != std::string_view::npos) {
      out.push_back(fmt::format("may not contain '{}'", c));
    }
  }
  return out;
}

bool IsIpv4(std::string_view text) {
  std::vector<std::string> parts = Split(text, '.');
  if (parts.size() != 4) return false;
  return std::all_of(parts.begin(), parts.end(), [](const std::string& part) {
    if (part.empty() || part.size() > 3 || (part.size() > 1 && part[0] == '0')) return false;
    return All(part, IsDigit) && ParseInt(part).value_or(256) <= 255;
  });
}

bool IsIpv6(std::string_view text) {
  if (text.find(':') == std::string_view::npos || text.size() > 45) return false;
  std::size_t gap = text.find("::");
  if (gap == std::string_view::npos) return Ipv6Groups(text) == 8;
  int before = Ipv6Groups(text.substr(0, gap));
  int after = Ipv6Groups(text.substr(gap + 2));
  return before >= 0 && after >= 0 && before + after < 8;
}

Reasons IpErrors(std::string_view text) {
  if (IsIpv4(text) || IsIpv6(text)) return {};
  return {"must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"};
}

Reasons CidrErrors(std::string_view text) {
  std::size_t slash = text.find('/');
  if (slash != std::string_view::npos) {
    std::string_view address = text.substr(0, slash);
    std::int64_t bits = ParseInt(text.substr(slash + 1)).value_or(-1);
    if (bits >= 0 && ((IsIpv4(address) && bits <= 32) || (IsIpv6(address) && bits <= 128))) {
      return {};
    }
  }
  return {"must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"};
}

Reasons SpecialIpErrors(std::string_view text, bool allow_loopback) {
  bool v4 = IsIpv4(text);
  std::string lower = ToLower(text);
  Reasons out;
  if (text == "0.0.0.0" || text == "::") {
    out.push_back(fmt::format("may not be unspecified ({})", text));
  }
  if (!allow_loopback && ((v4 && text.starts_with("127.")) || text == "::1")) {
    out.emplace_back("may not be in the loopback range (127.0.0.0/8, ::1/128)");
  }
  if ((v4 && text.starts_with("169.254.")) || lower.starts_with("fe80:")) {
    out.emplace_back("may not be in the link-local range (169.254.0.0/16, fe80::/10)");
  }
  if ((v4 && text.starts_with("224.0.0.")) || lower.starts_with("ff02:")) {
    out.emplace_back("may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)");
  }
  return out;
}

}  // namespace weir::kube
