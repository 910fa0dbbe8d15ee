// Jobs and CronJobs: pkg/apis/batch/validation.
#include <fmt/format.h>

#include "base/strings.h"
#include "kube/cron.h"
#include "kube/selector.h"
#include "kube/validation.h"

namespace weir::kube {
namespace {

constexpr std::string_view kUidLabel = "batch.kubernetes.io/controller-uid";
constexpr std::int64_t kMaxIndexedParallelism = 100000;
constexpr std::size_t kMaxCronJobName = 52;

FieldErrors MetaErrors(const Json* old, const Json& object) {
  const Json& meta = GetObject(object, {"metadata"});
  if (old != nullptr) {
    return ValidateObjectMetaUpdate(meta, GetObject(*old, {"metadata"}), "metadata");
  }
  return ValidateObjectMeta(meta, true, NameRule::kSubdomain, true, "metadata");
}

void CheckMode(FieldErrors& errors, const Json& spec, const std::string& path) {
  const std::string mode = GetString(spec, "completionMode", "NonIndexed");
  CheckOneOf(errors, Child(path, "completionMode"), mode, {"NonIndexed", "Indexed"});
  const Json* parallelism = Find(spec, "parallelism");
  if (mode == "Indexed") {
    if (Find(spec, "completions") == nullptr) {
      errors.push_back(Required(Child(path, "completions"), "when completion mode is Indexed"));
    }
    if (GetInt(spec, {"parallelism"}, 0) > kMaxIndexedParallelism) {
      errors.push_back(Invalid(Child(path, "parallelism"), *parallelism,
                               "must be less than or equal to 100000 when completion mode is "
                               "Indexed"));
    }
    return;
  }
  for (std::string_view key : {"backoffLimitPerIndex", "maxFailedIndexes"}) {
    if (const Json* value = Find(spec, key)) {
      errors.push_back(Invalid(Child(path, key), *value, "requires indexed completion mode"));
    }
  }
  if (const Json* policy = Find(spec, "successPolicy")) {
    errors.push_back(InvalidText(Child(path, "successPolicy"),
                                 "{\"Rules\":" + DumpJson(GetArray(*policy, {"rules"})) + "}",
                                 "requires indexed completion mode"));
  }
}

void CheckJobTemplate(FieldErrors& errors, const Json& spec, const std::string& path) {
  const std::string at = Child(path, "template");
  Append(errors, ValidatePodTemplate(GetObject(spec, {"template"}), at));
  const std::string restart = GetString(spec, {"template", "spec", "restartPolicy"});
  if (restart == "Never" || restart == "OnFailure") return;
  if (restart == "Always" || restart.empty()) {
    errors.push_back(
        Required(at + ".spec.restartPolicy", "valid values: \"OnFailure\", \"Never\""));
  } else {
    // Validation of pods has told already.
    errors.push_back(NotSupported(at + ".spec.restartPolicy", restart, {"OnFailure", "Never"}));
  }
}

void CheckFailurePolicy(FieldErrors& errors, const Json& spec, const std::string& path) {
  const Json* policy = Find(spec, "podFailurePolicy");
  if (policy == nullptr) return;
  const std::string restart = GetString(spec, {"template", "spec", "restartPolicy"});
  const Json& rules = GetArray(*policy, {"rules"});
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const std::string at = Index(Child(path, "podFailurePolicy.rules"), i);
    CheckOneOf(errors, Child(at, "action"), GetString(rules[i], "action"),
               {"Count", "FailIndex", "FailJob", "Ignore"});
    const bool by_code = Find(rules[i], "onExitCodes") != nullptr;
    const bool by_condition = !GetArray(rules[i], {"onPodConditions"}).empty();
    if (by_code == by_condition) {
      errors.push_back({"FieldValueInvalid", at,
                        std::string("Invalid value: specifying ") +
                            (by_code ? "both OnExitCodes and OnPodConditions is not supported"
                                     : "one of OnExitCodes and OnPodConditions is required")});
    }
  }
  if (restart == "OnFailure") {
    errors.push_back(Invalid(Child(path, "template.spec.restartPolicy"), restart,
                             "only \"Never\" is supported when podFailurePolicy is specified"));
  }
}

void CheckJobSpec(FieldErrors& errors, const Json& spec, const std::string& path) {
  for (std::string_view key :
       {"parallelism", "completions", "activeDeadlineSeconds", "backoffLimit",
        "ttlSecondsAfterFinished", "backoffLimitPerIndex", "maxFailedIndexes"}) {
    CheckNonNegative(errors, Child(path, key), Find(spec, key));
  }
  if (const Json* manager = Find(spec, "managedBy")) {
    const std::string text = manager->is_string() ? manager->get<std::string>() : "";
    if (text.find('/') == std::string::npos) {
      errors.push_back(Invalid(Child(path, "managedBy"), *manager,
                               "must be a domain-prefixed path (such as \"acme.io/foo\")"));
    }
  }
  CheckMode(errors, spec, path);
  const std::string replacement = GetString(spec, "podReplacementPolicy");
  if (!replacement.empty()) {
    CheckOneOf(errors, Child(path, "podReplacementPolicy"), replacement,
               {"Failed", "TerminatingOrFailed"});
  }
  CheckFailurePolicy(errors, spec, path);
  CheckJobTemplate(errors, spec, path);
}

void CheckGeneratedSelector(FieldErrors& errors, const Json& job) {
  const Json* selector = Find(job, {"spec", "selector"});
  if (GetBool(job, {"spec", "manualSelector"}, false) || selector == nullptr) return;
  const Json wanted = {{"matchLabels", {{kUidLabel, GetString(job, {"metadata", "uid"})}}}};
  const Json older = {{"matchLabels", {{"controller-uid", GetString(job, {"metadata", "uid"})}}}};
  if (*selector == wanted || *selector == older) return;
  errors.push_back(
      InvalidText("spec.selector", PrintedSelector(*selector), "`selector` not auto-generated"));
}

void CheckSelector(FieldErrors& errors, const Json& spec) {
  const Json* selector = Find(spec, "selector");
  LabelSelector parsed = LabelSelector::Nothing();
  if (selector == nullptr) {
    errors.push_back(Required("spec.selector"));
  } else {
    Append(errors, ValidateLabelSelector(*selector, "spec.selector"));
    Result<LabelSelector> result = LabelSelector::FromJson(*selector);
    if (!result) return;
    parsed = *result;
  }
  static const Json kNone;
  const Json* labels = Find(spec, {"template", "metadata", "labels"});
  if (parsed.Matches(labels == nullptr ? kNone : *labels)) return;
  errors.push_back(Invalid("spec.template.metadata.labels", labels == nullptr ? kNone : *labels,
                           "`selector` does not match template `labels`"));
}

void CheckFrozen(FieldErrors& errors, const Json& old, const Json& object) {
  const auto both = [&](std::string_view key) {
    return std::pair(Find(object, {"spec", key}), Find(old, {"spec", key}));
  };
  for (std::string_view key : {"completions", "selector", "template", "completionMode",
                               "podFailurePolicy", "backoffLimitPerIndex", "successPolicy"}) {
    const auto [now, before] = both(key);
    if (SameOrEmpty(now, before)) continue;
    const std::string path = Child("spec", key);
    if (key == "selector" && now != nullptr) {
      errors.push_back(InvalidText(path, PrintedSelector(*now), "field is immutable"));
    } else {
      errors.push_back(Invalid(path, now == nullptr ? Json() : *now, "field is immutable"));
    }
  }
}

void CheckSchedule(FieldErrors& errors, const Json& spec) {
  const std::string text = GetString(spec, "schedule");
  if (text.empty()) {
    errors.push_back(Required("spec.schedule"));
    return;
  }
  const bool zoned = text.starts_with("TZ=") || text.starts_with("CRON_TZ=");
  if (zoned) {
    errors.push_back(Invalid("spec.schedule", text,
                             "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"));
    return;
  }
  if (auto parsed = CronSchedule::Parse(text); !parsed) {
    errors.push_back(Invalid("spec.schedule", text, parsed.error().message));
  }
}

void CheckTimeZone(FieldErrors& errors, const Json& spec) {
  const Json* zone = Find(spec, "timeZone");
  if (zone == nullptr || !zone->is_string()) return;
  const std::string text = zone->get<std::string>();
  if (text.empty()) {
    errors.push_back(Invalid("spec.timeZone", text, "timeZone must be nil or non-empty string"));
  } else if (ToLower(text) == "local") {
    errors.push_back(Invalid("spec.timeZone", text,
                             "timeZone must be an explicit time zone as defined in "
                             "https://www.iana.org/time-zones"));
  }
}

}  // namespace

FieldErrors ValidateJob(const Json* old, const Json& object) {
  FieldErrors errors = MetaErrors(old, object);
  // The labels that a Job took over from its template are looked at there.
  const Json* labels = Find(object, {"metadata", "labels"});
  const Json* from = Find(object, {"spec", "template", "metadata", "labels"});
  if (old == nullptr && labels != nullptr && from != nullptr && *labels == *from) {
    std::erase_if(errors, [](const FieldError& error) { return error.field == "metadata.labels"; });
  }
  const Json& spec = GetObject(object, {"spec"});
  CheckGeneratedSelector(errors, object);
  CheckJobSpec(errors, spec, "spec");
  CheckSelector(errors, spec);
  if (old != nullptr) CheckFrozen(errors, *old, object);
  return errors;
}

FieldErrors ValidateCronJob(const Json* old, const Json& object) {
  FieldErrors errors = MetaErrors(old, object);
  const Json& spec = GetObject(object, {"spec"});
  CheckSchedule(errors, spec);
  CheckNonNegative(errors, "spec.startingDeadlineSeconds", Find(spec, "startingDeadlineSeconds"));
  CheckTimeZone(errors, spec);
  CheckOneOf(errors, "spec.concurrencyPolicy", GetString(spec, "concurrencyPolicy"),
             {"Allow", "Forbid", "Replace"});
  CheckJobSpec(errors, GetObject(spec, {"jobTemplate", "spec"}), "spec.jobTemplate.spec");
  for (std::string_view key : {"successfulJobsHistoryLimit", "failedJobsHistoryLimit"}) {
    CheckNonNegative(errors, Child("spec", key), Find(spec, key));
  }
  const std::string name = GetString(object, {"metadata", "name"});
  if (old == nullptr && name.size() > kMaxCronJobName) {
    errors.push_back(Invalid("metadata.name", name, "must be no more than 52 characters"));
  }
  return errors;
}

}  // namespace weir::kube
