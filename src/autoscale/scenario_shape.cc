#include "autoscale/scenario_shape.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "base/time.h"
#include "kube/json_text.h"

namespace weir::autoscale {
namespace {

using kube::JsonMember;
using kube::JsonText;

enum class Kind {
  kAnything,
  kNotRead,
  kString,
  kTime,  // RFC 3339
  kCount,
  kNumber,
  kBool,
  kQuantity,
  kWord,  // one of the words
  kList,
  kMap,         // names to items
  kObject,      // the fields alone
  kOpenObject,  // the fields, and others
};

struct Field;

struct Shape {
  Kind kind = Kind::kAnything;
  const Shape* items = nullptr;
  std::span<const Field> fields = {};
  std::span<const std::string_view> words = {};
  bool null_too = false;  // as an item; a null field is an absent one
};

struct Field {
  std::string_view key;
  const Shape* shape;
  bool required = false;
};

constexpr Shape kAnything{.kind = Kind::kAnything};
constexpr Shape kNotRead{.kind = Kind::kNotRead};
constexpr Shape kString{.kind = Kind::kString};
constexpr Shape kTime{.kind = Kind::kTime};
constexpr Shape kCount{.kind = Kind::kCount};
constexpr Shape kNumber{.kind = Kind::kNumber};
constexpr Shape kBool{.kind = Kind::kBool};
constexpr Shape kQuantity{.kind = Kind::kQuantity};
constexpr Shape kAnyList{.kind = Kind::kList, .items = &kAnything};
constexpr Shape kStrings{.kind = Kind::kList, .items = &kString};
constexpr Shape kStringMap{.kind = Kind::kMap, .items = &kString};
constexpr Shape kAmounts{.kind = Kind::kMap, .items = &kQuantity};

constexpr Field kExpressionFields[] = {
    {"key", &kString}, {"operator", &kString}, {"values", &kStrings}};
constexpr Shape kExpression{.kind = Kind::kObject, .fields = kExpressionFields};
constexpr Shape kExpressions{.kind = Kind::kList, .items = &kExpression};
constexpr Field kSelectorFields[] = {{"matchLabels", &kStringMap},
                                     {"matchExpressions", &kExpressions}};
constexpr Shape kSelector{.kind = Kind::kObject, .fields = kSelectorFields};
constexpr Field kMetricNameFields[] = {{"name", &kString}, {"selector", &kSelector}};
constexpr Shape kMetricName{.kind = Kind::kObject, .fields = kMetricNameFields};
constexpr Field kObjectNameFields[] = {
    {"apiVersion", &kString}, {"kind", &kString}, {"name", &kString}};
constexpr Shape kObjectName{.kind = Kind::kObject, .fields = kObjectNameFields};
constexpr Field kTargetFields[] = {{"type", &kString},
                                   {"value", &kQuantity},
                                   {"averageValue", &kQuantity},
                                   {"averageUtilization", &kCount}};
constexpr Shape kMetricTarget{.kind = Kind::kObject, .fields = kTargetFields};
constexpr Field kResourceFields[] = {{"name", &kString}, {"target", &kMetricTarget}};
constexpr Shape kResource{.kind = Kind::kObject, .fields = kResourceFields};
constexpr Field kContainerResourceFields[] = {
    {"name", &kString}, {"container", &kString}, {"target", &kMetricTarget}};
constexpr Shape kContainerResource{.kind = Kind::kObject, .fields = kContainerResourceFields};
constexpr Field kPodsFields[] = {{"metric", &kMetricName}, {"target", &kMetricTarget}};
constexpr Shape kPodsOrExternal{.kind = Kind::kObject, .fields = kPodsFields};
constexpr Field kObjectFields[] = {
    {"metric", &kMetricName}, {"describedObject", &kObjectName}, {"target", &kMetricTarget}};
constexpr Shape kObject{.kind = Kind::kObject, .fields = kObjectFields};
constexpr Field kMetricFields[] = {{"type", &kString},
                                   {"resource", &kResource},
                                   {"containerResource", &kContainerResource},
                                   {"pods", &kPodsOrExternal},
                                   {"object", &kObject},
                                   {"external", &kPodsOrExternal}};
constexpr Shape kMetric{.kind = Kind::kObject, .fields = kMetricFields};
constexpr Shape kMetrics{.kind = Kind::kList, .items = &kMetric};

constexpr std::string_view kPolicyTypes[] = {"Pods", "Percent"};
constexpr Shape kPolicyType{.kind = Kind::kWord, .words = kPolicyTypes};
constexpr Field kPolicyFields[] = {
    {"type", &kPolicyType}, {"value", &kCount}, {"periodSeconds", &kCount}};
constexpr Shape kPolicy{.kind = Kind::kObject, .fields = kPolicyFields};
constexpr Shape kPolicies{.kind = Kind::kList, .items = &kPolicy};
constexpr std::string_view kSelectPolicies[] = {"Max", "Min", "Disabled"};
constexpr Shape kSelectPolicy{.kind = Kind::kWord, .words = kSelectPolicies};
constexpr Field kRulesFields[] = {{"stabilizationWindowSeconds", &kCount},
                                  {"selectPolicy", &kSelectPolicy},
                                  {"policies", &kPolicies},
                                  {"tolerance", &kQuantity}};
constexpr Shape kRules{.kind = Kind::kObject, .fields = kRulesFields};
constexpr Field kBehaviorFields[] = {{"scaleUp", &kRules}, {"scaleDown", &kRules}};
constexpr Shape kBehavior{.kind = Kind::kObject, .fields = kBehaviorFields};
constexpr Field kSpecFields[] = {{"scaleTargetRef", &kObjectName},
                                 {"minReplicas", &kCount},
                                 {"maxReplicas", &kCount, true},
                                 {"metrics", &kMetrics},
                                 {"behavior", &kBehavior}};
constexpr Shape kSpec{.kind = Kind::kObject, .fields = kSpecFields};

constexpr Field kMetadataFields[] = {
    {"namespace", &kString}, {"name", &kString}, {"annotations", &kStringMap}};
constexpr Shape kMetadata{.kind = Kind::kOpenObject, .fields = kMetadataFields};
constexpr Field kConditionFields[] = {{"type", &kString},
                                      {"status", &kString},
                                      {"reason", &kString},
                                      {"message", &kString},
                                      {"lastTransitionTime", &kString}};
constexpr Shape kCondition{.kind = Kind::kOpenObject, .fields = kConditionFields};
constexpr Shape kConditions{.kind = Kind::kList, .items = &kCondition};
constexpr Field kStatusFields[] = {{"conditions", &kConditions},
                                   {"currentReplicas", &kCount},
                                   {"desiredReplicas", &kCount},
                                   {"lastScaleTime", &kTime},
                                   {"currentMetrics", &kAnyList}};
constexpr Shape kStatus{.kind = Kind::kOpenObject, .fields = kStatusFields};
constexpr Field kHpaFields[] = {
    {"metadata", &kMetadata}, {"spec", &kSpec, true}, {"status", &kStatus}};
constexpr Shape kHpa{.kind = Kind::kOpenObject, .fields = kHpaFields};

constexpr Field kContainerFields[] = {
    {"name", &kString}, {"requests", &kAmounts}, {"restartPolicy", &kString}};
constexpr Shape kContainer{.kind = Kind::kObject, .fields = kContainerFields};
constexpr Shape kContainers{.kind = Kind::kList, .items = &kContainer};
constexpr Field kPodFields[] = {{"name", &kString},
                                {"labels", &kStringMap},
                                {"phase", &kString},
                                {"ready", &kString},
                                {"readyTransitionTime", &kNumber},
                                {"startTime", &kNumber},
                                {"deletionTimestamp", &kNumber},
                                {"containers", &kContainers},
                                {"initContainers", &kContainers},
                                {"podRequests", &kAmounts}};
constexpr Shape kPod{.kind = Kind::kObject, .fields = kPodFields};
constexpr Shape kPods{.kind = Kind::kList, .items = &kPod};

constexpr Shape kUsageOfContainers{.kind = Kind::kMap, .items = &kAmounts};
constexpr Field kUsageFields[] = {{"name", &kString},
                                  {"containers", &kUsageOfContainers},
                                  {"value", &kQuantity},
                                  {"timestamp", &kNumber},
                                  {"window", &kNumber}};
constexpr Shape kUsage{.kind = Kind::kObject, .fields = kUsageFields};
constexpr Shape kUsages{.kind = Kind::kList, .items = &kUsage};
constexpr Shape kQuantities{.kind = Kind::kList, .items = &kQuantity};
constexpr Field kResultFields[] = {{"error", &kString},     {"pods", &kUsages},
                                   {"value", &kQuantity},   {"values", &kQuantities},
                                   {"timestamp", &kNumber}, {"window", &kNumber}};
constexpr Shape kResult{.kind = Kind::kObject, .fields = kResultFields, .null_too = true};
constexpr Shape kResults{.kind = Kind::kList, .items = &kResult};

constexpr Field kScaleFields[] = {
    {"specReplicas", &kCount, true}, {"statusReplicas", &kCount}, {"selector", &kString}};
constexpr Shape kScale{.kind = Kind::kObject, .fields = kScaleFields};
constexpr Field kStepFields[] = {
    {"t", &kNumber, true},     {"spec", &kSpec},          {"target", &kScale},
    {"pods", &kPods},          {"metrics", &kResults},    {"restart", &kBool},
    {"recreate", &kBool},      {"getError", &kString},    {"getErrorContext", &kString},
    {"updateError", &kString}, {"statusError", &kString}, {"expect", &kNotRead}};
constexpr Shape kStep{.kind = Kind::kObject, .fields = kStepFields};
constexpr Shape kSteps{.kind = Kind::kList, .items = &kStep};

constexpr Field kRecommendationFields[] = {{"t", &kNumber, true}, {"replicas", &kCount, true}};
constexpr Shape kRecommendation{.kind = Kind::kObject, .fields = kRecommendationFields};
constexpr Shape kRecommendations{.kind = Kind::kList, .items = &kRecommendation};
constexpr Field kChangeFields[] = {
    {"t", &kNumber, true}, {"change", &kCount, true}, {"outdated", &kBool}};
constexpr Shape kChange{.kind = Kind::kObject, .fields = kChangeFields};
constexpr Shape kChanges{.kind = Kind::kList, .items = &kChange};
constexpr Field kHistoryFields[] = {{"recommendations", &kRecommendations},
                                    {"ups", &kChanges},
                                    {"downs", &kChanges},
                                    {"scaled", &kNumber},
                                    {"raised", &kNumber},
                                    {"warned", &kStrings}};
constexpr Shape kHistory{.kind = Kind::kObject, .fields = kHistoryFields};
constexpr Field kNeighbourFields[] = {{"name", &kString}, {"selector", &kString}};
constexpr Shape kNeighbour{.kind = Kind::kObject, .fields = kNeighbourFields};
constexpr Shape kNeighbours{.kind = Kind::kList, .items = &kNeighbour};
constexpr Shape kSwitches{.kind = Kind::kMap, .items = &kBool};
constexpr Field kConfigFields[] = {{"downscaleStabilization", &kNumber},
                                   {"tolerance", &kNumber},
                                   {"cpuInitializationPeriod", &kNumber},
                                   {"initialReadinessDelay", &kNumber},
                                   {"syncPeriod", &kNumber},
                                   {"scaleToZero", &kBool},
                                   {"departures", &kSwitches}};
constexpr Shape kConfig{.kind = Kind::kObject, .fields = kConfigFields};
constexpr Field kScenarioFields[] = {{"name", &kString},       {"config", &kConfig},
                                     {"hpa", &kHpa, true},     {"history", &kHistory},
                                     {"others", &kNeighbours}, {"podDefaults", &kPod},
                                     {"steps", &kSteps, true}, {"mode", &kNotRead},
                                     {"queries", &kNotRead},   {"unvalidated", &kNotRead}};
constexpr Shape kScenario{.kind = Kind::kObject, .fields = kScenarioFields};

// Where the reading is, so that an error can say it: `steps[0]: target: specReplicas`.
struct Place {
  const Place* above = nullptr;
  std::string_view key = {};
  std::optional<std::size_t> index = {};

  std::string Text() const {
    std::string text = above != nullptr ? above->Text() : "";
    if (index) return text + "[" + std::to_string(*index) + "]";
    if (!text.empty() && !key.empty()) text += ": ";
    return text + std::string(key);
  }
};

std::unexpected<Error> Refused(const Place& place, std::string_view what) {
  const std::string where = place.Text();
  return Fail(Code::kInvalid,
              (where.empty() ? "a scenario" : where + ":") + " " + std::string(what));
}

std::string_view Expected(Kind kind) {
  switch (kind) {
    case Kind::kAnything:
    case Kind::kNotRead:
      return "";
    case Kind::kString:
    case Kind::kWord:
      return "must be a string";
    case Kind::kTime:
      return "must be a string, a time as in 2026-01-31T12:00:00Z";
    case Kind::kCount:
      return "must be a whole number";
    case Kind::kNumber:
      return "must be a number";
    case Kind::kBool:
      return "must be true or false";
    case Kind::kQuantity:
      return "must be a quantity: a string or a number";
    case Kind::kList:
      return "must be a list";
    case Kind::kMap:
    case Kind::kObject:
    case Kind::kOpenObject:
      return "must be an object";
  }
  return "";
}

bool Fits(Kind kind, JsonText::Kind text) {
  switch (kind) {
    case Kind::kAnything:
    case Kind::kNotRead:
      return true;
    case Kind::kString:
    case Kind::kWord:
    case Kind::kTime:
      return text == JsonText::Kind::kString;
    case Kind::kCount:
    case Kind::kNumber:
      return text == JsonText::Kind::kNumber;
    case Kind::kBool:
      return text == JsonText::Kind::kBool;
    case Kind::kQuantity:
      return text == JsonText::Kind::kNumber || text == JsonText::Kind::kString;
    case Kind::kList:
      return text == JsonText::Kind::kArray;
    case Kind::kMap:
    case Kind::kObject:
    case Kind::kOpenObject:
      return text == JsonText::Kind::kObject;
  }
  return false;
}

Result<Json> Read(const JsonText& text, const Shape& shape, const Place& place);

Result<Json> ReadCount(const JsonText& text, const Place& place) {
  if (text.raw.find_first_of(".eE") != std::string_view::npos) {
    return Refused(place, Expected(Kind::kCount));
  }
  const auto count = ParseInt(text.raw);
  if (!count || *count < std::numeric_limits<std::int32_t>::min() ||
      *count > std::numeric_limits<std::int32_t>::max()) {
    return Refused(place, "does not fit in 32 bits");
  }
  return Json(*count);
}

Result<Json> ReadWord(const JsonText& text, const Shape& shape, const Place& place) {
  std::string word = kube::Unquote(text);
  if (std::ranges::find(shape.words, word) == shape.words.end()) {
    const std::vector<std::string> words(shape.words.begin(), shape.words.end());
    return Refused(place, "must be one of " + Join(words, ", "));
  }
  return Json(std::move(word));
}

Result<Json> ReadList(const JsonText& text, const Shape& shape, const Place& place) {
  Json list = Json::array();
  for (const JsonText& item : text.items) {
    const Place at{.above = &place, .index = list.size()};
    if (item.kind == JsonText::Kind::kNull && !shape.items->null_too) {
      return Refused(at, Expected(shape.items->kind));
    }
    Result<Json> read = Read(item, *shape.items, at);
    if (!read) return read;
    list.push_back(*std::move(read));
  }
  return list;
}

// What a member of the object holds; null where the object has no such member.
const Shape* ShapeOf(const Shape& object, std::string_view key) {
  if (object.kind == Kind::kMap) return object.items;
  const auto field = std::ranges::find(object.fields, key, &Field::key);
  if (field != object.fields.end()) return field->shape;
  return object.kind == Kind::kOpenObject ? &kAnything : nullptr;
}

Result<Json> ReadObject(const JsonText& text, const Shape& shape, const Place& place) {
  Json object = Json::object();
  for (const JsonMember& member : text.members) {
    const Place at{.above = &place, .key = member.name};
    const Shape* value = ShapeOf(shape, member.name);
    if (value == nullptr) {
      std::vector<std::string> known;
      for (const Field& field : shape.fields) known.emplace_back(field.key);
      return Refused(at, "unknown key; known are " + Join(known, ", "));
    }
    if (object.contains(member.name)) return Refused(at, "is there twice");
    // Of a map's items a null one is an absent one, as fields are; elsewhere it may say that a
    // default is not to be taken.
    if (shape.kind == Kind::kMap && member.value.kind == JsonText::Kind::kNull) continue;
    Result<Json> read = Read(member.value, *value, at);
    if (!read) return read;
    object[member.name] = *std::move(read);
  }
  for (const Field& field : shape.fields) {
    const Json* found = field.required ? Find(object, field.key) : nullptr;
    if (field.required && (found == nullptr || found->is_null())) {
      return Refused({.above = &place, .key = field.key}, "missing");
    }
  }
  return object;
}

// Descends as far as the shapes do.
Result<Json> Read(const JsonText& text, const Shape& shape, const Place& place) {
  if (text.kind == JsonText::Kind::kNull || shape.kind == Kind::kNotRead) return Json();
  if (!Fits(shape.kind, text.kind)) return Refused(place, Expected(shape.kind));
  switch (shape.kind) {
    case Kind::kQuantity:
      return text.kind == JsonText::Kind::kNumber ? Json(std::string(text.raw))
                                                  : kube::ToJson(text);
    case Kind::kTime:
      if (!ParseRfc3339(kube::Unquote(text))) return Refused(place, Expected(shape.kind));
      return kube::ToJson(text);
    case Kind::kCount:
      return ReadCount(text, place);
    case Kind::kWord:
      return ReadWord(text, shape, place);
    case Kind::kList:
      return ReadList(text, shape, place);
    case Kind::kMap:
    case Kind::kObject:
    case Kind::kOpenObject:
      return ReadObject(text, shape, place);
    case Kind::kAnything:
    case Kind::kNotRead:
    case Kind::kString:
    case Kind::kNumber:
    case Kind::kBool:
      break;
  }
  return kube::ToJson(text);
}

}  // namespace

Result<Json> ReadScenario(std::string_view line) {
  // Base's parser says where the text is no JSON.
  const Result<Json> parsed = ParseJson(line);
  if (!parsed) return std::unexpected(parsed.error());
  const Result<JsonText> text = kube::ParseJsonText(line);
  if (!text) return std::unexpected(text.error());
  if (text->kind != JsonText::Kind::kObject) return Refused({}, Expected(Kind::kObject));
  Result<Json> scenario = Read(*text, kScenario, {});
  if (!scenario) return scenario;
  const Json& steps = GetArray(*scenario, {"steps"});
  for (std::size_t i = 1; i < steps.size(); ++i) {
    if (*Find(steps[i], "t") < *Find(steps[i - 1], "t")) {
      return Fail(Code::kInvalid, "steps[" + std::to_string(i) +
                                      "]: t: must not be before that of the step before");
    }
  }
  return scenario;
}

}  // namespace weir::autoscale
