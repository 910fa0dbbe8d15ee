#include "apiserver/options_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "kube/status.h"

namespace weir::apiserver {
namespace {

Json BadRequest(std::string_view message) { return kube::StatusBadRequest(message); }

// strconv's words for a text that is no integer.
std::string ParseIntError(std::string_view function, std::string_view text) {
  const bool digits =
      !text.empty() &&
      text.find_first_not_of("0123456789", text[0] == '-' ? 1 : 0) == std::string_view::npos &&
      text != "-";
  return fmt::format("strconv.{}: parsing {}: {}", function, Quote(text),
                     digits && function != "ParseUint" ? "value out of range" : "invalid syntax");
}

// An integer parameter; nullopt where it is absent.
Answer<std::optional<std::int64_t>> IntParameter(const QueryParameters& query,
                                                 std::string_view name) {
  const std::string text = QueryValue(query, name);
  if (text.empty()) return std::nullopt;
  const auto value = ParseInt(text);
  if (!value) return std::unexpected(BadRequest(ParseIntError("ParseInt", text)));
  return *value;
}

std::optional<bool> OptionalBool(const QueryParameters& query, std::string_view name) {
  if (!HasQuery(query, name)) return std::nullopt;
  return QueryBool(query, name);
}

// k8s.io/apimachinery ValidateListOptions.
std::vector<OptionError> CheckListOptions(const ListOptions& options) {
  std::vector<OptionError> errors;
  const std::string& match = options.resource_version_match;
  const auto forbid = [&errors](std::string field, std::string why) {
    errors.push_back({"FieldValueForbidden", std::move(field), "Forbidden: " + std::move(why)});
  };
  if (options.send_initial_events) {
    if (match != "NotOlderThan" && options.watch) {
      forbid("resourceVersionMatch",
             "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
      if (!match.empty()) {
        errors.push_back({"FieldValueNotSupported", "resourceVersionMatch",
                          fmt::format("Unsupported value: {}: supported values: \"NotOlderThan\"",
                                      Quote(match))});
      }
    }
    if (options.watch) return errors;
  }
  if (!match.empty() && options.watch) {
    forbid("resourceVersionMatch",
           "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided");
  } else if (!match.empty()) {
    if (options.resource_version.empty()) {
      forbid("resourceVersionMatch",
             "resourceVersionMatch is forbidden unless resourceVersion is provided");
    }
    if (!options.continue_token.empty()) {
      forbid("resourceVersionMatch", "resourceVersionMatch is forbidden with continue token");
    }
    if (match != "Exact" && match != "NotOlderThan") {
      errors.push_back({"FieldValueNotSupported", "resourceVersionMatch",
                        fmt::format("Unsupported value: {}: supported values: \"Exact\", "
                                    "\"NotOlderThan\", \"\"",
                                    Quote(match))});
    }
    if (match == "Exact" && options.resource_version == "0") {
      forbid("resourceVersionMatch",
             "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"");
    }
  }
  if (options.send_initial_events) {
    forbid("sendInitialEvents", "sendInitialEvents is forbidden for list");
  }
  return errors;
}

// The list of a dryRun parameter as Go prints it: ["Yes"].
std::string PrintedList(const std::vector<std::string>& values) { return DumpJson(Json(values)); }

void CheckDryRun(const std::vector<std::string>& values, std::vector<OptionError>& errors) {
  const bool good = std::ranges::all_of(values, [](const auto& value) { return value == "All"; });
  if (good) return;
  errors.push_back(
      {"FieldValueNotSupported", "dryRun",
       fmt::format("Unsupported value: {}: supported values: \"All\"", PrintedList(values))});
}

std::vector<std::string> QueryValues(const QueryParameters& query, std::string_view name) {
  std::vector<std::string> values;
  for (const auto& [key, value] : query) {
    if (key == name) values.push_back(value);
  }
  return values;
}

}  // namespace

Json InvalidOptions(std::string_view kind, const std::vector<OptionError>& errors) {
  kube::Resource options;
  options.kind = kind;
  options.group = "meta.k8s.io";
  std::vector<kube::FieldError> reasons;
  reasons.reserve(errors.size());
  for (const OptionError& error : errors) {
    reasons.push_back({error.reason, error.field, error.detail});
  }
  return kube::StatusInvalid(options, "", reasons);
}

Result<std::int64_t> ParseResourceVersion(std::string_view text) {
  const auto value = ParseInt(text);
  if (!value || *value < 0) return Fail(Code::kInvalid, ParseIntError("ParseUint", text));
  return *value;
}

Answer<ListOptions> ParseListOptions(const QueryParameters& query, bool watch) {
  ListOptions options;
  auto labels = kube::LabelSelector::Parse(QueryValue(query, "labelSelector"));
  if (!labels) return std::unexpected(BadRequest(labels.error().message));
  options.labels = std::move(*labels);
  auto fields = kube::ParseFieldSelector(QueryValue(query, "fieldSelector"));
  if (!fields) return std::unexpected(BadRequest(fields.error().message));
  options.fields = std::move(*fields);
  const auto limit = IntParameter(query, "limit");
  if (!limit) return std::unexpected(limit.error());
  const auto timeout = IntParameter(query, "timeoutSeconds");
  if (!timeout) return std::unexpected(timeout.error());
  options.limit = std::max<std::int64_t>(limit->value_or(0), 0);
  options.timeout_seconds = *timeout;
  options.continue_token = QueryValue(query, "continue");
  options.resource_version = QueryValue(query, "resourceVersion");
  options.resource_version_match = QueryValue(query, "resourceVersionMatch");
  options.watch = watch;
  options.bookmarks = QueryBool(query, "allowWatchBookmarks");
  options.send_initial_events = OptionalBool(query, "sendInitialEvents");
  const auto errors = CheckListOptions(options);
  if (!errors.empty()) return std::unexpected(InvalidOptions("ListOptions", errors));
  return options;
}

Answer<WriteOptions> ParseWriteOptions(const QueryParameters& query, std::string_view kind,
                                       bool apply) {
  WriteOptions options;
  std::vector<OptionError> errors;
  if (kind == "PatchOptions" && !apply && HasQuery(query, "force")) {
    errors.push_back(
        {"FieldValueForbidden", "force", "Forbidden: may not be specified for non-apply patch"});
  }
  options.force = QueryBool(query, "force");
  if (apply && QueryValue(query, "fieldManager").empty()) {
    errors.push_back(
        {"FieldValueRequired", "fieldManager", "Required value: is required for apply patch"});
  }
  const auto dry_run = QueryValues(query, "dryRun");
  CheckDryRun(dry_run, errors);
  options.dry_run = !dry_run.empty();
  options.field_manager = QueryValue(query, "fieldManager");
  if (options.field_manager.size() > 128) {
    errors.push_back(
        {"FieldValueTooLong", "fieldManager", "Too long: may not be more than 128 bytes"});
  }
  const std::string validation = QueryValue(query, "fieldValidation");
  if (validation == "Strict") {
    options.field_validation = FieldValidation::kStrict;
  } else if (validation == "Ignore") {
    options.field_validation = FieldValidation::kIgnore;
  } else if (!validation.empty() && validation != "Warn") {
    errors.push_back({"FieldValueNotSupported", "fieldValidation",
                      fmt::format("Unsupported value: {}: supported values: \"\", \"Ignore\", "
                                  "\"Strict\", \"Warn\"",
                                  Quote(validation))});
  }
  if (!errors.empty()) return std::unexpected(InvalidOptions(kind, errors));
  return options;
}

Answer<DeleteOptions> ParseDeleteOptions(const Json& body, const QueryParameters& query) {
  DeleteOptions options;
  std::vector<std::string> dry_run;
  if (body.is_object() && !body.empty()) {
    options.grace_period_seconds = GetInt(body, {"gracePeriodSeconds"});
    options.propagation_policy = GetString(body, "propagationPolicy");
    if (Find(body, "orphanDependents") != nullptr) {
      options.orphan_dependents = GetBool(body, {"orphanDependents"}, false);
    }
    options.uid = GetString(body, {"preconditions", "uid"});
    options.resource_version = GetString(body, {"preconditions", "resourceVersion"});
    for (const Json& value : GetArray(body, {"dryRun"})) {
      dry_run.push_back(value.is_string() ? value.get<std::string>() : DumpJson(value));
    }
  } else {
    const auto grace = IntParameter(query, "gracePeriodSeconds");
    if (!grace) return std::unexpected(grace.error());
    options.grace_period_seconds = *grace;
    options.propagation_policy = QueryValue(query, "propagationPolicy");
    options.orphan_dependents = OptionalBool(query, "orphanDependents");
  }
  const auto from_query = QueryValues(query, "dryRun");
  dry_run.insert(dry_run.end(), from_query.begin(), from_query.end());

  std::vector<OptionError> errors;
  const std::string& policy = options.propagation_policy;
  if (!policy.empty() && options.orphan_dependents) {
    errors.push_back({"FieldValueInvalid", "propagationPolicy",
                      fmt::format("Invalid value: {}: orphanDependents and deletionPropagation "
                                  "cannot be both set",
                                  Quote(policy))});
  } else if (!policy.empty() && policy != "Foreground" && policy != "Background" &&
             policy != "Orphan") {
    errors.push_back({"FieldValueNotSupported", "propagationPolicy",
                      fmt::format("Unsupported value: {}: supported values: \"Foreground\", "
                                  "\"Background\", \"Orphan\", \"nil\"",
                                  Quote(policy))});
  }
  CheckDryRun(dry_run, errors);
  options.dry_run = !dry_run.empty();
  if (!errors.empty()) return std::unexpected(InvalidOptions("DeleteOptions", errors));
  return options;
}

}  // namespace weir::apiserver
