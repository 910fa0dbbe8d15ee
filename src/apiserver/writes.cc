// create, update, patch, delete. A write is prepared in the request's version, converted, checked
// and stored without an await in between, so that nothing can change under it.
#include <fmt/format.h>

#include <utility>

#include "apiserver/api.h"
#include "apiserver/crd_plan.h"
#include "apiserver/delete_plan.h"
#include "apiserver/list_plan.h"
#include "apiserver/patch_plan.h"
#include "apiserver/pod_plan.h"
#include "base/strings.h"
#include "kube/codec.h"
#include "kube/managed_fields.h"
#include "kube/status.h"
#include "kube/strategy.h"
#include "kube/typed_text.h"

namespace weir::apiserver {
namespace {

// metadata.name may have at most 63 characters where it is generated, the suffix included.
constexpr std::size_t kMaxGeneratedPrefix = 58;
constexpr int kSuffixLength = 5;
constexpr int kNameAttempts = 8;

constexpr std::string_view kDefinitions = "customresourcedefinitions.apiextensions.k8s.io";

bool IsDefinition(const kube::Resource& resource) {
  return resource.GroupResource() == kDefinitions;
}

std::string NameOf(const Json& object) { return GetString(object, {"metadata", "name"}); }

std::unexpected<Json> Conflict(const kube::Resource& resource, const std::string& name,
                               std::string_view why) {
  return std::unexpected(kube::StatusConflict(resource, name, why));
}

constexpr std::string_view kModified =
    "the object has been modified; please apply your changes to the latest version and try again";

// What a client may not set, whatever it sends.
void DropServerFields(Json& object, bool creation) {
  Json& metadata = Ensure(object, {"metadata"});
  metadata.erase("selfLink");
  if (!creation) return;
  metadata.erase("deletionTimestamp");
  metadata.erase("deletionGracePeriodSeconds");
}

// rest.BeforeUpdate's and the storage's preconditions on what an update is based on.
Answer<void> CheckBasis(const kube::Resource& resource, const Json& current, const Json& object) {
  const std::string name = NameOf(current);
  const std::string version = GetString(object, {"metadata", "resourceVersion"});
  if (version.empty()) {
    if (resource.crd_name.empty() && !IsDefinition(resource)) return {};
    kube::Resource named = resource;
    named.kind = resource.plural;
    return std::unexpected(
        kube::StatusInvalid(named, name,
                            {{"FieldValueInvalid", "metadata.resourceVersion",
                              "Invalid value: 0: must be specified for an update"}}));
  }
  const auto number = ParseResourceVersion(version);
  if (!number) return std::unexpected(kube::StatusFailure(500, "", number.error().message));
  if (*number != 0 && version != GetString(current, {"metadata", "resourceVersion"})) {
    return Conflict(resource, name, kModified);
  }
  return {};
}

Answer<void> CheckUid(const kube::Resource& resource, const Json& current, const Json& object) {
  const std::string uid = GetString(object, {"metadata", "uid"});
  const std::string own = GetString(current, {"metadata", "uid"});
  if (uid.empty() || uid == own) return {};
  const std::string ns = GetString(current, {"metadata", "namespace"});
  return Conflict(
      resource, NameOf(current),
      fmt::format("StorageError: invalid object, Code: 4, Key: /registry/{}/{}{}, "
                  "ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in "
                  "precondition: {}, UID in object meta: {}",
                  resource.plural, ns.empty() ? "" : ns + "/", NameOf(current), uid, own));
}

// The options of a DELETE: its body, or its query.
Answer<DeleteOptions> ReadDeleteOptions(const Call& call) {
  const std::string type = call.request.Header("content-type");
  const std::string_view media = Trim(std::string_view(type).substr(0, type.find(';')));
  const bool readable = media.empty() || media == "application/json" ||
                        media == "application/yaml" ||
                        media == "application/vnd.kubernetes.protobuf";
  if (!readable && !call.request.body.empty()) {
    return std::unexpected(kube::StatusFailure(
        415, "UnsupportedMediaType",
        "the body of the request was in an unknown format - accepted media types include: "
        "application/json, application/yaml, application/vnd.kubernetes.protobuf"));
  }
  const auto body = kube::DecodeOptions(type, call.request.body, "meta/v1.DeleteOptions");
  if (!body) return std::unexpected(kube::StatusBadRequest(body.error().message));
  return ParseDeleteOptions(*body, call.query);
}

// As the write goes to the store: after all that looks at objects as a whole.
void SetManagedFields(Json managed, Json& object) {
  if (managed.empty()) {
    Erase(object, {"metadata", "managedFields"});
  } else {
    Ensure(object, {"metadata", "managedFields"}) = std::move(managed);
  }
}

Json TooLarge(const Error& error) { return kube::StatusFailure(500, "", error.message); }

}  // namespace

kube::StrategyOptions Server::Impl::Strategy(const Call& call) const {
  kube::StrategyOptions strategy;
  strategy.upstream_exact = options.upstream_exact;
  strategy.events_group = call.resource->group == "events.k8s.io";
  strategy.allow_loopback_endpoints = call.user.InGroup(kWeirGroup);
  return strategy;
}

Answer<Json> Server::Impl::DecodeBody(const Call& call, const kube::Resource& resource,
                                      FieldValidation validation,
                                      std::vector<std::string>& warnings) const {
  auto decoded = kube::DecodeBody(call.request.Header("content-type"), call.request.body, resource);
  if (!decoded && decoded.error().code == Code::kNotFound) {
    return std::unexpected(
        kube::StatusFailure(415, "UnsupportedMediaType", decoded.error().message));
  }
  if (!decoded) return std::unexpected(kube::StatusBadRequest(decoded.error().message));
  if (validation == FieldValidation::kStrict) {
    const std::string refused = kube::StrictErrorOf(*decoded);
    if (!refused.empty()) {
      return std::unexpected(kube::StatusBadRequest(kube::CannotHandle(resource, refused)));
    }
  }
  if (validation == FieldValidation::kWarn) {
    for (const auto* told : {&decoded->repeated_keys, &decoded->strict_errors}) {
      warnings.insert(warnings.end(), told->begin(), told->end());
    }
  }
  Json object = std::move(decoded->object);
  if (!Ensure(object, {"metadata"}).is_object()) object["metadata"] = Json::object();
  return object;
}

// The namespace of an object is that of the path; one that says otherwise is refused.
Answer<void> Server::Impl::CheckNamespace(const Call& call, Json& object) const {
  const std::string given = GetString(object, {"metadata", "namespace"});
  const std::string ns = call.resource->namespaced ? call.info.ns : std::string();
  if (!given.empty() && given != ns) {
    return std::unexpected(kube::StatusBadRequest(
        "the namespace of the provided object does not match the namespace sent on the request"));
  }
  if (ns.empty()) {
    Erase(object, {"metadata", "namespace"});
  } else {
    Ensure(object, {"metadata", "namespace"}) = ns;
  }
  return {};
}

// Admission plugin NamespaceLifecycle.
Answer<void> Server::Impl::CheckNewInNamespace(const Call& call, const Json& object) const {
  if (!call.resource->namespaced) return {};
  const std::string& ns = call.info.ns;
  const auto found = store.Get({"namespaces", "", ns});
  if (found == nullptr) {
    return std::unexpected(kube::StatusNotFound(*registry.Find("", "v1", "namespaces"), ns));
  }
  if (GetString(found->value, {"metadata", "deletionTimestamp"}).empty()) return {};
  const std::string name = NameOf(object);
  Json details = {
      {"kind", call.resource->plural},
      {"name", name},
      {"causes", Json::array({{{"reason", "NamespaceTerminating"},
                               {"message", fmt::format("namespace {} is being terminated", ns)},
                               {"field", "metadata.namespace"}}})}};
  if (!call.resource->group.empty()) details["group"] = call.resource->group;
  return std::unexpected(kube::StatusForbidden(
      fmt::format("{} {} is forbidden: unable to create new content in namespace {} because it is "
                  "being terminated",
                  call.resource->GroupResource(), Quote(name), ns),
      std::move(details)));
}

Answer<void> Server::Impl::CheckName(const Call& call, const Json& object) const {
  const std::string name = NameOf(object);
  if (name == call.info.name) return {};
  if (name.empty()) {
    return std::unexpected(kube::StatusBadRequest(
        fmt::format("the name of the object ({} based on URL) was undeterminable: name must be "
                    "provided",
                    call.info.name)));
  }
  return std::unexpected(kube::StatusBadRequest(
      fmt::format("the name of the object ({}) does not match the name on the URL ({})", name,
                  call.info.name)));
}

Answer<void> Server::Impl::AllocateServiceFields(const Call& call, Json& object) {
  if (call.stored->GroupResource() != "services") return {};
  const ServiceUse used =
      UsedBy(store.List("services", ""), GetString(object, {"metadata", "uid"}));
  const bool dry_run = HasQuery(call.query, "dryRun");
  const auto errors = AllocateService(range, used, random.Next(), dry_run, object);
  if (errors.empty()) return {};
  return std::unexpected(kube::StatusInvalid(*call.stored, NameOf(object), errors));
}

Answer<Json> Server::Impl::PrepareNew(const Call& call, Json object, const Json* applied) {
  DropServerFields(object, /*creation=*/true);
  Json& metadata = object["metadata"];
  metadata["uid"] = random.Uuid();
  metadata["creationTimestamp"] = FormatRfc3339(clock.Now());
  const std::string prefix = GetString(metadata, "generateName");
  for (int i = 0; GetString(metadata, "name").empty() && !prefix.empty() && i < kNameAttempts;
       ++i) {
    const std::string name =
        prefix.substr(0, kMaxGeneratedPrefix) + random.NameSuffix(kSuffixLength);
    if (store.Get(KeyOf(call, name)) == nullptr) metadata["name"] = name;
  }
  kube::ApplyDefaults(*call.resource, object);
  kube::Complete(*call.resource, object, kube::Stage::kDecoding);
  Json managed = applied != nullptr ? *applied : Track(call, nullptr, object);
  Erase(object, {"metadata", "managedFields"});
  if (call.stored != call.resource) object = kube::Convert(object, *call.resource, *call.stored);
  if (call.stored->GroupResource() == "pods") {
    const auto account = store.Get({"serviceaccounts", call.info.ns, AccountOf(object)});
    const Json* found = account == nullptr ? nullptr : &account->value;
    if (auto ok = AdmitPod(object, found, random.NameSuffix(kSuffixLength)); !ok) {
      return std::unexpected(ok.error());
    }
  }
  kube::PrepareForCreate(*call.stored, object);
  kube::Complete(*call.stored, object);
  const auto errors = kube::Validate(*call.stored, "", nullptr, object, Strategy(call));
  if (!errors.empty()) {
    kube::Resource named = *call.stored;
    named.kind = GetString(object, "kind");  // a custom object may claim to be of another one
    return std::unexpected(kube::StatusInvalid(named, NameOf(object), errors));
  }
  if (auto allocated = AllocateServiceFields(call, object); !allocated) {
    return std::unexpected(allocated.error());
  }
  SetManagedFields(std::move(managed), object);
  return object;
}

Reply Server::Impl::Create(Call& call) {
  const auto write = ParseWriteOptions(call.query, "CreateOptions");
  if (!write) return Reply::Error(write.error());
  std::vector<std::string> warnings;
  auto object = DecodeBody(call, *call.resource, write->field_validation, warnings);
  if (!object) return Reply::Error(object.error());
  return CreateObject(call, std::move(*object), nullptr, write->dry_run, std::move(warnings));
}

Reply Server::Impl::CreateObject(const Call& call, Json object, const Json* applied, bool dry_run,
                                 std::vector<std::string> warnings) {
  if (auto ok = CheckNamespace(call, object); !ok) return Reply::Error(ok.error());
  if (auto ok = CheckNewInNamespace(call, object); !ok) return Reply::Error(ok.error());
  if (auto ok = CheckEscalation(call, object); !ok) return Reply::Error(ok.error());
  auto prepared = PrepareNew(call, std::move(object), applied);
  if (!prepared) return Reply::Error(prepared.error());
  const std::string name = NameOf(*prepared);
  const kubestore::Key key = KeyOf(call, name);
  if (const auto existing = store.Get(key); existing != nullptr) {
    Json status = kube::StatusAlreadyExists(*call.resource, name);
    if (!GetString(existing->value, {"metadata", "deletionTimestamp"}).empty()) {
      status["message"] = "object is being deleted: " + GetString(status, "message");
    }
    return Reply::Error(std::move(status));
  }
  for (std::string& warning : kube::Warnings(*call.stored, *prepared)) {
    warnings.push_back(std::move(warning));
  }
  if (dry_run) {
    Json answer = call.stored == call.resource
                      ? std::move(*prepared)
                      : kube::Convert(*prepared, *call.stored, *call.resource);
    Reply reply = ValueReply(call, 201, std::move(answer));
    reply.warnings = std::move(warnings);
    return reply;
  }
  if (!GetString(*prepared, {"metadata", "resourceVersion"}).empty()) {
    return Reply::Error(
        kube::StatusFailure(500, "", "resourceVersion should not be set on objects to be created"));
  }
  auto durable = std::make_shared<Durable>(loop);
  auto stored = store.Create(key, std::move(*prepared), durable->Expect());
  if (!stored) return Reply::Error(TooLarge(stored.error()));
  if (IsDefinition(*call.stored)) Establish(**stored, key, durable);
  Reply reply = ObjectReply(call, 201, **stored);
  reply.warnings = std::move(warnings);
  reply.durable = std::move(durable);
  return reply;
}

Answer<Json> Server::Impl::PrepareChanged(const Call& call, const kubestore::Object& current,
                                          Json object, const Json* applied) {
  if (auto ok = CheckBasis(*call.resource, current.value, object); !ok) {
    return std::unexpected(ok.error());
  }
  if (auto ok = CheckEscalation(call, object); !ok) return std::unexpected(ok.error());
  DropServerFields(object, /*creation=*/false);
  kube::ApplyDefaults(*call.resource, object);
  kube::Complete(*call.resource, object, kube::Stage::kDecoding);
  Json managed = applied != nullptr ? *applied : TrackChange(call, current.value, object);
  Erase(object, {"metadata", "managedFields"});
  if (call.stored != call.resource) object = kube::Convert(object, *call.resource, *call.stored);
  const std::string& sub = call.info.subresource;
  if (call.stored->GroupResource() == "pods" && sub.empty()) AdmitTolerations(object);
  kube::PrepareForUpdate(*call.stored, sub, current.value, object);
  kube::Complete(*call.stored, object);
  const auto errors = kube::Validate(*call.stored, sub, &current.value, object, Strategy(call));
  if (!errors.empty()) {
    return std::unexpected(kube::StatusInvalid(*call.stored, NameOf(object), errors));
  }
  if (auto allocated = AllocateServiceFields(call, object); !allocated) {
    return std::unexpected(allocated.error());
  }
  SetManagedFields(std::move(managed), object);
  return object;
}

Json Server::Impl::Track(const Call& call, const Json* before, const Json& object) const {
  const kube::FieldWrite write{
      kube::ManagerName(QueryValue(call.query, "fieldManager"), call.request.Header("user-agent")),
      call.info.subresource, clock.Now()};
  const auto to_version = [this, &call](const Json& value, const std::string& version) {
    return InVersion(call, value, version);
  };
  return kube::TrackUpdate(*call.resource, before, object, write, to_version);
}

Json Server::Impl::InVersion(const Call& call, const Json& object,
                             const std::string& api_version) const {
  const std::string version = api_version.substr(api_version.find('/') + 1);
  const kube::Resource* other = registry.Find(call.resource->group, version, call.resource->plural);
  if (other == nullptr || other->ApiVersion() != api_version) return {};
  return kube::Convert(object, *call.resource, *other);
}

Json Server::Impl::TrackChange(const Call& call, const Json& current, const Json& object) const {
  if (call.stored == call.resource) return Track(call, &current, object);
  const Json before = kube::Convert(current, *call.stored, *call.resource);
  return Track(call, &before, object);
}

void Server::Impl::TrackInPlace(const Call& call, const Json& current, Json& object) const {
  Json managed;
  if (call.stored == call.resource) {
    managed = Track(call, &current, object);
  } else {
    managed = TrackChange(call, current, kube::Convert(object, *call.stored, *call.resource));
  }
  SetManagedFields(std::move(managed), object);
}

Reply Server::Impl::StoreChanged(const Call& call, const kubestore::ObjectPtr& current, Json object,
                                 bool dry_run, std::vector<std::string> warnings) {
  for (std::string& warning : kube::Warnings(*call.stored, object)) {
    warnings.push_back(std::move(warning));
  }
  const kubestore::Key key = KeyOf(call, call.info.name);
  auto durable = std::make_shared<Durable>(loop);
  Reply reply;
  if (dry_run || UpdateRemoves(*call.stored, object)) {
    if (!dry_run) {
      auto removed = store.Delete(key, 0, durable->Expect());
      Ensure(object, {"metadata", "resourceVersion"}) =
          GetString((*removed)->value, {"metadata", "resourceVersion"});
      if (!call.stored->crd_name.empty()) FinishDefinition(call.stored->crd_name, durable);
      if (IsDefinition(*call.stored)) registry.RemoveCustom(call.info.name);
    }
    Json answer = call.stored == call.resource
                      ? std::move(object)
                      : kube::Convert(object, *call.stored, *call.resource);
    reply = ValueReply(call, 200, std::move(answer));
  } else {
    const bool marked = !GetString(object, {"metadata", "deletionTimestamp"}).empty();
    if (IsDefinition(*call.stored) && !marked) Register(object);
    auto stored = store.Update(key, std::move(object), 0, durable->Expect());
    if (!stored) return Reply::Error(TooLarge(stored.error()));
    // An update that changed nothing did not reach the journal: `current` is what is stored.
    reply = ObjectReply(call, 200, *stored == current ? *current : **stored);
  }
  reply.warnings = std::move(warnings);
  reply.durable = std::move(durable);
  return reply;
}

Reply Server::Impl::Update(Call& call) {
  const auto write = ParseWriteOptions(call.query, "UpdateOptions");
  if (!write) return Reply::Error(write.error());
  std::vector<std::string> warnings;
  auto object = DecodeBody(call, *call.resource, write->field_validation, warnings);
  if (!object) return Reply::Error(object.error());
  if (auto ok = CheckNamespace(call, *object); !ok) return Reply::Error(ok.error());
  if (auto ok = CheckName(call, *object); !ok) return Reply::Error(ok.error());
  const auto current = store.Get(KeyOf(call, call.info.name));
  if (current == nullptr) {
    return Reply::Error(kube::StatusNotFound(*call.resource, call.info.name));
  }
  if (auto ok = CheckUid(*call.resource, current->value, *object); !ok) {
    return Reply::Error(ok.error());
  }
  auto prepared = PrepareChanged(call, *current, std::move(*object));
  if (!prepared) return Reply::Error(prepared.error());
  return StoreChanged(call, current, std::move(*prepared), write->dry_run, std::move(warnings));
}

Answer<Json> Server::Impl::ApplyPatch(const Call& call, const kube::Resource& resource,
                                      const Json& current, FieldValidation validation,
                                      std::vector<std::string>& warnings) const {
  const auto kind = ParsePatchKind(call.request.Header("content-type"), resource);
  if (!kind) return std::unexpected(kind.error());
  const auto patch = ParsePatch(*kind, call.request.body);
  if (!patch) return std::unexpected(patch.error());
  auto patched = ApplyPatchTo(*kind, current, *patch, resource.type);
  if (!patched) return patched;
  const auto wording =
      *kind == PatchKind::kStrategic ? kube::Wording::kConverter : kube::Wording::kJson;
  Json object = *patched;
  auto strict = kube::CheckFields(resource, object, wording);
  if (!strict) {
    return std::unexpected(InvalidPatch(*kind, *patch, *patched, strict.error().message));
  }
  const std::vector<std::string> repeated = DuplicateFields(*kind, call.request.body);
  strict->insert(strict->begin(), repeated.begin(), repeated.end());
  if (!strict->empty() && validation == FieldValidation::kStrict) {
    return std::unexpected(InvalidPatch(*kind, *patch, *patched, kube::StrictError(*strict)));
  }
  if (validation == FieldValidation::kWarn) {
    warnings.insert(warnings.end(), strict->begin(), strict->end());
  }
  object["kind"] = resource.kind;
  object["apiVersion"] = resource.ApiVersion();
  if (!Ensure(object, {"metadata"}).is_object()) object["metadata"] = Json::object();
  return object;
}

Reply Server::Impl::Patch(Call& call) {
  const std::string media = call.request.Header("content-type");
  if (Trim(std::string_view(media).substr(0, media.find(';'))) == kApplyPatch) return Apply(call);
  const auto write = ParseWriteOptions(call.query, "PatchOptions");
  if (!write) return Reply::Error(write.error());
  if (const auto kind = ParsePatchKind(call.request.Header("content-type"), *call.resource);
      !kind) {
    return Reply::Error(kind.error());
  }
  const auto current = store.Get(KeyOf(call, call.info.name));
  if (current == nullptr) {
    return Reply::Error(kube::StatusNotFound(*call.resource, call.info.name));
  }
  const Json before = ObjectValue(*current, *call.stored, *call.resource);
  std::vector<std::string> warnings;
  auto object = ApplyPatch(call, *call.resource, before, write->field_validation, warnings);
  if (!object) return Reply::Error(object.error());
  if (auto ok = CheckName(call, *object); !ok) return Reply::Error(ok.error());
  if (auto ok = CheckNamespace(call, *object); !ok) return Reply::Error(ok.error());
  // A patch that removes the version is based on what it was applied to.
  if (GetString(*object, {"metadata", "resourceVersion"}).empty()) {
    (*object)["metadata"]["resourceVersion"] = before["metadata"]["resourceVersion"];
  }
  auto prepared = PrepareChanged(call, *current, std::move(*object));
  if (!prepared) return Reply::Error(prepared.error());
  return StoreChanged(call, current, std::move(*prepared), write->dry_run, std::move(warnings));
}

Answer<std::pair<Json, bool>> Server::Impl::DeleteOne(const Call& call,
                                                      const kubestore::ObjectPtr& object,
                                                      const DeleteOptions& delete_options,
                                                      const std::shared_ptr<Durable>& durable) {
  auto plan = PlanDelete(*call.stored, object->value, delete_options, clock.Now());
  if (!plan) return std::unexpected(plan.error());
  const kubestore::Key key{call.stored->GroupResource(),
                           GetString(object->value, {"metadata", "namespace"}),
                           NameOf(object->value)};
  if (!delete_options.dry_run) {
    switch (plan->action) {
      case DeletePlan::Action::kNothing:
        break;
      case DeletePlan::Action::kUpdate: {
        auto stored = store.Update(key, plan->object, 0, durable->Expect());
        if (!stored) return std::unexpected(TooLarge(stored.error()));
        plan->object = (*stored)->value;
        break;
      }
      case DeletePlan::Action::kRemove: {
        // A pod whose time is cut short is seen so before it goes.
        if (GetInt(object->value, {"metadata", "deletionGracePeriodSeconds"}, 0) > 0) {
          auto marked = store.Update(key, plan->object, 0, durable->Expect());
          if (!marked) return std::unexpected(TooLarge(marked.error()));
        }
        // The last state that watches see is the marked one.
        auto removed = store.Delete(key, 0, durable->Expect());
        plan->object["metadata"]["resourceVersion"] =
            GetString((*removed)->value, {"metadata", "resourceVersion"});
        break;
      }
    }
    const bool removed = plan->action == DeletePlan::Action::kRemove;
    if (IsDefinition(*call.stored)) FinishDefinition(key.name, durable);
    if (!call.stored->crd_name.empty() && removed) {
      FinishDefinition(call.stored->crd_name, durable);
    }
  }
  return std::pair(std::move(plan->object), plan->answers_object);
}

Reply Server::Impl::Delete(Call& call) {
  const auto delete_options = ReadDeleteOptions(call);
  if (!delete_options) return Reply::Error(delete_options.error());
  const auto object = store.Get(KeyOf(call, call.info.name));
  if (object == nullptr) {
    return Reply::Error(kube::StatusNotFound(*call.resource, call.info.name));
  }
  auto durable = std::make_shared<Durable>(loop);
  auto deleted = DeleteOne(call, object, *delete_options, durable);
  if (!deleted) return Reply::Error(deleted.error());
  Reply reply;
  if (deleted->second) {
    Json answer = call.stored == call.resource
                      ? std::move(deleted->first)
                      : kube::Convert(deleted->first, *call.stored, *call.resource);
    reply = ValueReply(call, 200, std::move(answer));
  } else {
    reply =
        Reply::Document(200, kube::StatusDeleted(*call.resource, call.info.name,
                                                 GetString(deleted->first, {"metadata", "uid"})));
  }
  reply.durable = std::move(durable);
  return reply;
}

Reply Server::Impl::DeleteCollection(Call& call) {
  const auto delete_options = ReadDeleteOptions(call);
  if (!delete_options) return Reply::Error(delete_options.error());
  const auto list = ParseListOptions(call.query, /*watch=*/false);
  if (!list) return Reply::Error(list.error());
  const auto filter = Filter::Make(*call.resource, list->labels, list->fields);
  if (!filter) return Reply::Error(filter.error());
  auto durable = std::make_shared<Durable>(loop);
  Page page;
  for (const auto& object : store.List(call.stored->GroupResource(), call.info.ns)) {
    if (!filter->Matches(*call.stored, object->value)) continue;
    auto deleted = DeleteOne(call, object, *delete_options, durable);
    if (!deleted) return Reply::Error(deleted.error());
    std::string text = kube::DumpObject(deleted->first);
    page.objects.push_back(
        std::make_shared<const kubestore::Object>(std::move(deleted->first), std::move(text)));
  }
  Reply reply = Reply::JsonText(200, ListText(page, store.version(), *call.stored, *call.resource));
  reply.durable = std::move(durable);
  return reply;
}

}  // namespace weir::apiserver
