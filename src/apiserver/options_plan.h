// The query parameters of reads and writes (metav1.ListOptions, CreateOptions, PatchOptions,
// DeleteOptions), checked as upstream checks them. Pure functions. An error is the Status to
// answer.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apiserver/request_info_plan.h"
#include "base/json.h"
#include "kube/selector.h"

namespace weir::apiserver {

// The value, or the metav1.Status of a refusal.
template <class T>
using Answer = std::expected<T, Json>;

struct ListOptions {
  kube::LabelSelector labels;
  std::vector<kube::FieldRequirement> fields;
  std::string resource_version;
  std::string resource_version_match;
  std::int64_t limit = 0;
  std::string continue_token;
  // Watches.
  bool watch = false;
  bool bookmarks = false;
  std::optional<bool> send_initial_events;
  std::optional<std::int64_t> timeout_seconds;
};

Answer<ListOptions> ParseListOptions(const QueryParameters& query, bool watch);

// A resourceVersion as a number; the error is strconv's.
Result<std::int64_t> ParseResourceVersion(std::string_view text);

enum class FieldValidation { kIgnore, kWarn, kStrict };

struct WriteOptions {
  bool dry_run = false;
  FieldValidation field_validation = FieldValidation::kWarn;
  std::string field_manager;
  bool force = false;  // applies: conflicts are taken over
};

// `kind` is CreateOptions, UpdateOptions or PatchOptions; `apply`: of a server-side apply.
Answer<WriteOptions> ParseWriteOptions(const QueryParameters& query, std::string_view kind,
                                       bool apply = false);

struct DeleteOptions {
  bool dry_run = false;
  std::optional<std::int64_t> grace_period_seconds;
  std::string propagation_policy;         // Background, Foreground, Orphan, or empty
  std::optional<bool> orphan_dependents;  // deprecated, still understood
  std::string uid;                        // preconditions, where not empty
  std::string resource_version;
};

// From the body (a decoded meta/v1.DeleteOptions) where it says anything, else from the query.
Answer<DeleteOptions> ParseDeleteOptions(const Json& body, const QueryParameters& query);

// `ListOptions.meta.k8s.io "" is invalid: ...`.
struct OptionError {
  std::string reason, field, detail;
};
Json InvalidOptions(std::string_view kind, const std::vector<OptionError>& errors);

}  // namespace weir::apiserver
