#include "kube/names.h"

namespace weir::kube {
namespace {

constexpr std::size_t kLabelBytes = 63;
constexpr std::size_t kSubdomainBytes = 253;

constexpr std::string_view kNamePattern = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
constexpr std::string_view kValuePattern = "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?";
constexpr std::string_view kDnsLabelPattern = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
constexpr std::string_view kSubdomainPattern =
    "[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";

bool IsLowerAlnum(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool IsAlnum(char c) { return IsLowerAlnum(c) || (c >= 'A' && c <= 'Z'); }

// Letters and digits, with `-_.` between them.
bool IsName(std::string_view text) {
  if (text.empty() || !IsAlnum(text.front()) || !IsAlnum(text.back())) return false;
  for (char c : text) {
    if (!IsAlnum(c) && c != '-' && c != '_' && c != '.') return false;
  }
  return true;
}

bool IsDnsLabel(std::string_view text) {
  if (text.empty() || !IsLowerAlnum(text.front()) || !IsLowerAlnum(text.back())) return false;
  for (char c : text) {
    if (!IsLowerAlnum(c) && c != '-') return false;
  }
  return true;
}

bool IsSubdomain(std::string_view text) {
  while (true) {
    std::size_t dot = text.find('.');
    if (!IsDnsLabel(text.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

// validation.RegexError: the rule, its examples and its pattern.
std::string PatternError(std::string_view rule, std::string_view pattern,
                         const std::vector<std::string_view>& examples) {
  std::string out(rule);
  out += " (e.g. ";
  for (std::size_t i = 0; i < examples.size(); ++i) {
    if (i > 0) out += " or ";
    out += "'" + std::string(examples[i]) + "', ";
  }
  return out + "regex used for validation is '" + std::string(pattern) + "')";
}

std::string NameError(std::string_view what) {
  return PatternError(std::string(what) +
                          " must consist of alphanumeric characters, '-', '_' or '.', and must "
                          "start and end with an alphanumeric character",
                      kNamePattern, {"MyName", "my.name", "123-abc"});
}

}  // namespace

std::vector<std::string> QualifiedNameErrors(std::string_view text) {
  std::vector<std::string> errors;
  std::string_view name = text;
  if (std::size_t slash = text.find('/'); slash != std::string_view::npos) {
    std::string_view prefix = text.substr(0, slash);
    name = text.substr(slash + 1);
    if (name.contains('/')) {
      return {NameError("a valid label key") +
              " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"};
    }
    if (prefix.empty()) {
      errors.emplace_back("prefix part must be non-empty");
    } else {
      for (std::string& error : SubdomainErrors(prefix)) errors.push_back("prefix part " + error);
    }
  }
  if (name.empty()) {
    errors.emplace_back("name part must be non-empty");
  } else if (name.size() > kLabelBytes) {
    errors.emplace_back("name part must be no more than 63 bytes");
  }
  if (!IsName(name)) errors.push_back(NameError("name part"));
  return errors;
}

std::vector<std::string> LabelValueErrors(std::string_view text) {
  std::vector<std::string> errors;
  if (text.size() > kLabelBytes) errors.emplace_back("must be no more than 63 bytes");
  if (!text.empty() && !IsName(text)) {
    errors.push_back(PatternError(
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or "
        "'.', and must start and end with an alphanumeric character",
        kValuePattern, {"MyValue", "my_value", "12345"}));
  }
  return errors;
}

std::vector<std::string> SubdomainErrors(std::string_view text) {
  std::vector<std::string> errors;
  if (text.size() > kSubdomainBytes) errors.emplace_back("must be no more than 253 characters");
  if (!IsSubdomain(text)) {
    errors.push_back(PatternError(
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
        "'.', and must start and end with an alphanumeric character",
        kSubdomainPattern, {"example.com"}));
  }
  return errors;
}

std::vector<std::string> DnsLabelErrors(std::string_view text) {
  std::vector<std::string> errors;
  if (text.size() > kLabelBytes) errors.emplace_back("must be no more than 63 characters");
  if (!IsDnsLabel(text)) {
    errors.push_back(PatternError(
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
        "must start and end with an alphanumeric character",
        kDnsLabelPattern, {"my-name", "123-abc"}));
  }
  return errors;
}

}  // namespace weir::kube
