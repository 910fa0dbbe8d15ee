#include "apiserver/accept_plan.h"

#include <algorithm>
#include <map>
#include <vector>

#include "base/strings.h"
#include "kube/status.h"

namespace weir::apiserver {
namespace {

constexpr std::string_view kProtobuf = "application/vnd.kubernetes.protobuf";
constexpr std::string_view kServed =
    "application/json, application/yaml, application/vnd.kubernetes.protobuf";

struct Clause {
  std::string type;
  std::map<std::string, std::string> parameters;
  double quality = 1;
};

// The header's clauses, best first; equal ones keep their order.
std::vector<Clause> ParseAccept(std::string_view accept) {
  std::vector<Clause> clauses;
  for (const std::string& text : Split(accept, ',')) {
    const std::vector<std::string> pieces = Split(text, ';');
    Clause clause;
    clause.type = Trim(pieces[0]);
    if (clause.type.empty()) continue;
    for (std::size_t i = 1; i < pieces.size(); ++i) {
      const std::size_t equals = pieces[i].find('=');
      if (equals == std::string::npos) continue;
      const std::string key(Trim(std::string_view(pieces[i]).substr(0, equals)));
      const std::string value(Trim(std::string_view(pieces[i]).substr(equals + 1)));
      if (key == "q") {
        clause.quality = ParseDouble(value).value_or(1);
      } else {
        clause.parameters[key] = value;
      }
    }
    const auto place =
        std::ranges::upper_bound(clauses, clause.quality, std::greater<>(), &Clause::quality);
    clauses.insert(place, std::move(clause));
  }
  return clauses;
}

bool IsKnownType(std::string_view type) {
  return type == "*/*" || type == "application/json" || type == "application/yaml" ||
         type == kProtobuf;
}

std::string Parameter(const Clause& clause, const std::string& name) {
  const auto it = clause.parameters.find(name);
  return it == clause.parameters.end() ? std::string() : it->second;
}

// Whether the clause's `as`, `g` and `v` name a form that is served.
bool TakeForm(const Clause& clause, Accepted& accepted) {
  const std::string as = Parameter(clause, "as");
  if (as.empty()) return true;
  if (as == "Table") {
    accepted.form = Form::kTable;
  } else if (as == "PartialObjectMetadata") {
    accepted.form = Form::kPartialMetadata;
  } else if (as == "PartialObjectMetadataList") {
    accepted.form = Form::kPartialMetadataList;
  } else {
    return false;
  }
  accepted.meta_version = Parameter(clause, "v");
  return Parameter(clause, "g") == "meta.k8s.io" &&
         (accepted.meta_version == "v1" || accepted.meta_version == "v1beta1");
}

bool TakeClause(const Clause& clause, bool watch, Accepted& accepted) {
  if (!IsKnownType(clause.type)) return false;
  // Protobuf is read but never written: kubectl always lists JSON after it.
  if (clause.type == kProtobuf) return false;
  accepted = Accepted();
  if (clause.type == "application/yaml") accepted.format = Format::kYaml;
  if (watch && accepted.format == Format::kYaml) return false;
  const std::string pretty = Parameter(clause, "pretty");
  accepted.pretty = pretty == "1" || pretty == "true";
  return TakeForm(clause, accepted);
}

}  // namespace

Result<Accepted> NegotiateAnswer(std::string_view accept, bool watch) {
  Accepted accepted;
  const std::vector<Clause> clauses = ParseAccept(accept);
  if (clauses.empty()) return accepted;
  bool known = false;
  for (const Clause& clause : clauses) {
    known = known || IsKnownType(clause.type);
    if (TakeClause(clause, watch, accepted)) return accepted;
  }
  if (!known) {
    return Fail(Code::kNotFound,
                "406: Not Acceptable\n\nAvailable representations: " + std::string(kServed));
  }
  return Fail(Code::kInvalid,
              "only the following media types are accepted: " + std::string(kServed));
}

Json NotAcceptable(const Error& error) {
  return kube::StatusFailure(406, "NotAcceptable", error.message,
                             error.code == Code::kNotFound ? Json(Json::object()) : Json());
}

Format FormatOfError(std::string_view accept) {
  for (const Clause& clause : ParseAccept(accept)) {
    if (clause.type == "application/yaml") return Format::kYaml;
    if (clause.type == "application/json" || clause.type == "*/*") return Format::kJson;
  }
  return Format::kJson;
}

Result<bool> WantsAggregatedDiscovery(std::string_view accept) {
  bool asked = false;
  for (const Clause& clause : ParseAccept(accept)) {
    const std::string as = Parameter(clause, "as");
    if (as.empty() && IsKnownType(clause.type) && clause.type != kProtobuf) return false;
    if (as != "APIGroupDiscoveryList") continue;
    asked = true;
    if (clause.type == "application/json" && Parameter(clause, "v") == "v2" &&
        Parameter(clause, "g") == "apidiscovery.k8s.io") {
      return true;
    }
  }
  if (asked) {
    return Fail(Code::kInvalid,
                "only the following media types are accepted: " + std::string(kServed));
  }
  return false;
}

std::string_view ContentType(Format format) {
  switch (format) {
    case Format::kJson:
      return "application/json";
    case Format::kYaml:
      return "application/yaml";
  }
  return "application/json";
}

bool IsPretty(std::string_view pretty_query, std::string_view user_agent) {
  // strconv.ParseBool's words; what it cannot read is false.
  if (!pretty_query.empty()) {
    for (const std::string_view word : {"1", "t", "T", "TRUE", "true", "True"}) {
      if (pretty_query == word) return true;
    }
    return false;
  }
  for (const std::string_view agent : {"curl", "Wget", "Mozilla/5.0"}) {
    if (user_agent.starts_with(agent)) return true;
  }
  return false;
}

}  // namespace weir::apiserver
