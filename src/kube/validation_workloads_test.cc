#include <gtest/gtest.h>

#include "kube/codec.h"
#include "kube/strategy.h"

namespace weir::kube {
namespace {

const Registry& Kinds() {
  static const Registry registry(true);
  return registry;
}

// As it is when it is validated: defaults filled in, prepared for its creation.
Json Prepared(const Resource& resource, std::string_view text) {
  Json object = *ParseJson(text);
  object["apiVersion"] = resource.ApiVersion();
  object["kind"] = resource.kind;
  Json& meta = Ensure(object, {"metadata"});
  if (!meta.contains("name")) meta["name"] = "x";
  meta["uid"] = "U";
  if (resource.namespaced) meta["namespace"] = "ns";
  ApplyDefaults(resource, object);
  PrepareForCreate(resource, object);
  Complete(resource, object);
  return object;
}

std::string Lines(const std::vector<FieldError>& errors) {
  std::string out;
  for (const FieldError& error : errors) out += error.field + ": " + error.detail + "\n";
  return out;
}

std::string Refusal(const Resource& resource, std::string_view text) {
  return Lines(Validate(resource, "", nullptr, Prepared(resource, text), {}));
}

struct Case {
  const char *object, *errors;
};

constexpr const char* kTemplate =
    R"("selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},
       "spec":{"containers":[{"name":"c","image":"i"}]}})";
constexpr const char* kJobTemplate =
    R"("template":{"spec":{"restartPolicy":"Never","containers":[{"name":"c","image":"i"}]}})";

TEST(WorkloadValidationTest, StatefulSets) {
  const Resource& sets = *Kinds().Find("apps", "v1", "statefulsets");
  const Case cases[] = {
      {R"("replicas":2)", ""},
      {R"("podManagementPolicy":"x")",
       "spec.podManagementPolicy: Invalid value: \"x\": must be 'OrderedReady' or 'Parallel'\n"},
      {R"("updateStrategy":{"type":"x"})",
       "spec.updateStrategy: Invalid value: {\"Type\":\"x\",\"RollingUpdate\":null}: must be "
       "'RollingUpdate' or 'OnDelete'\n"},
      {R"("updateStrategy":{"type":"OnDelete","rollingUpdate":{"partition":1}})",
       "spec.updateStrategy.rollingUpdate: Invalid value: {\"Partition\":1,\"MaxUnavailable\":null}"
       ": only allowed for updateStrategy 'RollingUpdate'\n"},
      {R"("persistentVolumeClaimRetentionPolicy":{"whenDeleted":"x"})",
       "spec.persistentVolumeClaimRetentionPolicy.whenDeleted: Unsupported value: \"x\": supported "
       "values: \"Retain\", \"Delete\"\n"},
      {R"("ordinals":{"start":-1})",
       "spec.ordinals.start: Invalid value: -1: must be greater than or equal to 0\n"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(Refusal(sets, std::string(R"({"spec":{)") + c.object + "," + kTemplate + "}}"),
              c.errors);
  }
  const Json old = Prepared(sets, std::string(R"({"spec":{)") + kTemplate + "}}");
  Json changed = old;
  changed["spec"]["replicas"] = 5;
  EXPECT_EQ(Lines(Validate(sets, "", &old, changed, {})), "");
  changed["spec"]["serviceName"] = "other";
  EXPECT_EQ(Validate(sets, "", &old, changed, {}).size(), 1U);
}

TEST(WorkloadValidationTest, Jobs) {
  const Resource& jobs = *Kinds().Find("batch", "v1", "jobs");
  const Case cases[] = {
      {R"("parallelism":2)", ""},
      {R"("backoffLimit":-1,"completions":-2)",
       "spec.completions: Invalid value: -2: must be greater than or equal to 0\n"
       "spec.backoffLimit: Invalid value: -1: must be greater than or equal to 0\n"},
      {R"("completionMode":"x")",
       "spec.completionMode: Unsupported value: \"x\": supported values: \"NonIndexed\", "
       "\"Indexed\"\n"},
      {R"("backoffLimitPerIndex":1)",
       "spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode\n"},
      {R"("podFailurePolicy":{"rules":[{"action":"x"}]})",
       "spec.podFailurePolicy.rules[0].action: Unsupported value: \"x\": supported values: "
       "\"Count\", \"FailIndex\", \"FailJob\", \"Ignore\"\n"
       "spec.podFailurePolicy.rules[0]: Invalid value: specifying one of OnExitCodes and "
       "OnPodConditions is required\n"},
      {R"("manualSelector":true)",
       "spec.selector: Required value\n"
       "spec.template.metadata.labels: Invalid value: null: `selector` does not match template "
       "`labels`\n"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(Refusal(jobs, std::string(R"({"spec":{)") + c.object + "," + kJobTemplate + "}}"),
              c.errors);
  }
  EXPECT_EQ(Refusal(jobs, "{}"),
            "spec.template.spec.containers: Required value\n"
            "spec.template.spec.restartPolicy: Required value: valid values: \"OnFailure\", "
            "\"Never\"\n");
  const Json old =
      Prepared(jobs, std::string(R"({"spec":{"completions":1,)") + kJobTemplate + "}}");
  EXPECT_EQ(
      GetString(old, {"spec", "selector", "matchLabels", "batch.kubernetes.io/controller-uid"}),
      "U");
  EXPECT_EQ(GetObject(old, {"metadata", "labels"}).size(), 4U);
  Json changed = old;
  changed["spec"]["completions"] = 3;
  EXPECT_EQ(Lines(Validate(jobs, "", &old, changed, {})),
            "spec.completions: Invalid value: 3: field is immutable\n");
}

TEST(WorkloadValidationTest, CronJobs) {
  const Resource& crons = *Kinds().Find("batch", "v1", "cronjobs");
  const Case cases[] = {
      {R"("schedule":"@daily")", ""},
      {R"("schedule":"")", "spec.schedule: Required value\n"},
      {R"("schedule":"x")",
       "spec.schedule: Invalid value: \"x\": expected exactly 5 fields, found 1: [x]\n"},
      {R"("schedule":"TZ=UTC * * * * *")",
       "spec.schedule: Invalid value: \"TZ=UTC * * * * *\": cannot use TZ or CRON_TZ in schedule, "
       "use timeZone field instead\n"},
      {R"("schedule":"@daily","concurrencyPolicy":"x","failedJobsHistoryLimit":-1)",
       "spec.concurrencyPolicy: Unsupported value: \"x\": supported values: \"Allow\", \"Forbid\", "
       "\"Replace\"\n"
       "spec.failedJobsHistoryLimit: Invalid value: -1: must be greater than or equal to 0\n"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(Refusal(crons, std::string(R"({"spec":{)") + c.object +
                                 R"(,"jobTemplate":{"spec":{)" + kJobTemplate + "}}}}"),
              c.errors);
  }
}

TEST(WorkloadValidationTest, EndpointsRolesAndBindings) {
  const Resource& endpoints = *Kinds().Find("", "v1", "endpoints");
  constexpr const char* kLoopback =
      R"({"subsets":[{"addresses":[{"ip":"127.0.0.1"}],"ports":[{"port":80}]}]})";
  EXPECT_EQ(Refusal(endpoints, kLoopback),
            "subsets[0].addresses[0].ip: Invalid value: \"127.0.0.1\": may not be in the loopback "
            "range (127.0.0.0/8, ::1/128)\n");
  StrategyOptions ours;
  ours.allow_loopback_endpoints = true;
  EXPECT_EQ(Lines(Validate(endpoints, "", nullptr, Prepared(endpoints, kLoopback), ours)), "");

  const Resource& roles = *Kinds().Find("rbac.authorization.k8s.io", "v1", "roles");
  EXPECT_EQ(Refusal(roles, R"({"metadata":{"name":"system:x"},
                               "rules":[{"apiGroups":[""],"resources":["pods"],"verbs":[]}]})"),
            "rules[0].verbs: Required value: verbs must contain at least one value\n");
  const Resource& bindings = *Kinds().Find("rbac.authorization.k8s.io", "v1", "rolebindings");
  const Json old = Prepared(bindings, R"({"roleRef":{"kind":"Role","name":"r"},
                                          "subjects":[{"kind":"User","name":"u"}]})");
  EXPECT_EQ(Lines(Validate(bindings, "", nullptr, old, {})), "");
  Json changed = old;
  changed["roleRef"]["name"] = "q";
  EXPECT_EQ(Lines(Validate(bindings, "", &old, changed, {})),
            "roleRef: Invalid value: {\"APIGroup\":\"rbac.authorization.k8s.io\",\"Kind\":\"Role\","
            "\"Name\":\"q\"}: cannot change roleRef\n");
}

TEST(WorkloadValidationTest, EventsOfTheNewerGroupSayMore) {
  const Resource& events = *Kinds().Find("", "v1", "events");
  const Json event = Prepared(events, R"({"involvedObject":{"namespace":"ns"},"type":"Odd"})");
  EXPECT_EQ(Lines(Validate(events, "", nullptr, event, {})), "");
  StrategyOptions newer;
  newer.events_group = true;
  EXPECT_EQ(Lines(Validate(events, "", nullptr, event, newer)),
            "eventTime: Required value\ntype: Invalid value: \"\": has invalid value: Odd\n");
}

TEST(ConversionTest, EventsBetweenTheirGroups) {
  const Resource& core = *Kinds().Find("", "v1", "events");
  const Resource& newer = *Kinds().Find("events.k8s.io", "v1", "events");
  const Json event = Prepared(
      core, R"({"involvedObject":{"kind":"Pod","name":"p","namespace":"ns"},"message":"words",
                "count":3,"reason":"r","type":"Normal","source":{"component":"c"},
                "firstTimestamp":"2026-01-01T00:00:00Z","lastTimestamp":"2026-01-01T00:01:00Z"})");
  const Json converted = Convert(event, core, newer);
  EXPECT_EQ(GetString(converted, "apiVersion"), "events.k8s.io/v1");
  EXPECT_EQ(GetString(converted, "note"), "words");
  EXPECT_EQ(GetString(converted, {"regarding", "name"}), "p");
  EXPECT_EQ(GetInt(converted, {"deprecatedCount"}), 3);
  EXPECT_FALSE(converted.contains("message"));
  EXPECT_EQ(Convert(converted, newer, core), event);
}

}  // namespace
}  // namespace weir::kube
