// The syntax of label keys and values, in apimachinery's words (k8s.io/apimachinery
// util/validation). Pure functions, any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace weir::kube {

// Why the text is no qualified name (`example.com/name`): empty where it is one.
std::vector<std::string> QualifiedNameErrors(std::string_view text);
// Why the text is no value of a label.
std::vector<std::string> LabelValueErrors(std::string_view text);
// Why the text is no RFC 1123 subdomain (`example.com`) or label (`my-name`).
std::vector<std::string> SubdomainErrors(std::string_view text);
std::vector<std::string> DnsLabelErrors(std::string_view text);

}  // namespace weir::kube
