// scale, finalize, binding, log.
#include <fmt/format.h>

#include <utility>

#include "apiserver/api.h"
#include "apiserver/pod_plan.h"
#include "base/strings.h"
#include "kube/codec.h"
#include "kube/status.h"
#include "kube/strategy.h"

namespace weir::apiserver {
namespace {

// What a pod's binding and its eviction answer.
Reply Created() {
  return Reply::Document(201, {{"kind", "Status"},
                               {"apiVersion", "v1"},
                               {"metadata", Json::object()},
                               {"status", "Success"},
                               {"code", 201}});
}

// 422 in the words of the kind's own validation.
Json NegativeReplicas(const kube::Resource& resource, const kube::Resource& scale,
                      const std::string& name, std::int64_t replicas) {
  if (resource.crd_name.empty()) {
    return kube::StatusInvalid(
        scale, name,
        {{"FieldValueInvalid", "spec.replicas",
          fmt::format("Invalid value: {}: must be greater than or equal to 0", replicas)}});
  }
  const std::string path = GetString(resource.scale_paths, "specReplicasPath", ".spec.replicas");
  return kube::StatusInvalid(
      resource, name,
      {{"FieldValueInvalid", path,
        fmt::format("Invalid value: {}: should be a non-negative integer", replicas)}});
}

}  // namespace

// A Scale is read from its object and written into it; the object's own checks apply.
Reply Server::Impl::ServeScale(Call& call) {
  const kube::Resource scale_kind =
      call.resource->OfSubresource(*call.resource->FindSubresource("scale"));
  const auto write =
      ParseWriteOptions(call.query, call.info.verb == "patch" ? "PatchOptions" : "UpdateOptions");
  if (!write) return Reply::Error(write.error());

  std::vector<std::string> warnings;
  Json wanted;
  if (call.info.verb == "update") {
    auto decoded = DecodeBody(call, scale_kind, write->field_validation, warnings);
    if (!decoded) return Reply::Error(decoded.error());
    if (auto ok = CheckName(call, *decoded); !ok) return Reply::Error(ok.error());
    if (auto ok = CheckNamespace(call, *decoded); !ok) return Reply::Error(ok.error());
    wanted = std::move(*decoded);
  }
  const kubestore::Key key = KeyOf(call, call.info.name);
  const auto current = store.Get(key);
  if (current == nullptr) {
    return Reply::Error(kube::StatusNotFound(*call.resource, call.info.name));
  }
  const auto as_scale = [this, &call, &scale_kind](int code, const Json& object) {
    auto scale = kube::ToScale(*call.stored, object);
    if (!scale) return Reply::Error(kube::StatusFailure(500, "", scale.error().message));
    const kube::Resource* of_object = std::exchange(call.resource, &scale_kind);
    Reply reply = ValueReply(call, code, std::move(*scale));
    call.resource = of_object;
    return reply;
  };
  if (call.info.verb == "get") return as_scale(200, current->value);
  if (call.info.verb == "patch") {
    const auto before = kube::ToScale(*call.stored, current->value);
    if (!before) return Reply::Error(kube::StatusFailure(500, "", before.error().message));
    auto patched = ApplyPatch(call, scale_kind, *before, write->field_validation, warnings);
    if (!patched) return Reply::Error(patched.error());
    if (auto ok = CheckName(call, *patched); !ok) return Reply::Error(ok.error());
    wanted = std::move(*patched);
  }
  const std::int64_t replicas = GetInt(wanted, {"spec", "replicas"}, 0);
  if (replicas < 0) {
    return Reply::Error(NegativeReplicas(*call.resource, scale_kind, call.info.name, replicas));
  }
  const std::string version = GetString(wanted, {"metadata", "resourceVersion"});
  if (!version.empty() && version != GetString(current->value, {"metadata", "resourceVersion"})) {
    return Reply::Error(kube::StatusConflict(
        *call.resource, call.info.name,
        "the object has been modified; please apply your changes to the latest version and try "
        "again"));
  }
  Json object = current->value;
  if (Status set = kube::SetScale(*call.stored, wanted, object); !set) {
    return Reply::Error(kube::StatusBadRequest(set.error().message));
  }
  TrackInPlace(call, current->value, object);
  kube::PrepareForUpdate(*call.stored, "", current->value, object);
  const auto errors = kube::Validate(*call.stored, "", &current->value, object, Strategy(call));
  if (!errors.empty()) {
    return Reply::Error(kube::StatusInvalid(*call.resource, call.info.name, errors));
  }
  if (write->dry_run) return as_scale(200, object);
  auto durable = std::make_shared<Durable>(loop);
  auto stored = store.Update(key, std::move(object), 0, durable->Expect());
  if (!stored) return Reply::Error(kube::StatusFailure(500, "", stored.error().message));
  Reply reply = as_scale(200, (*stored)->value);
  reply.warnings = std::move(warnings);
  reply.durable = std::move(durable);
  return reply;
}

// PUT namespaces/NAME/finalize writes spec.finalizers alone.
Reply Server::Impl::FinalizeNamespace(Call& call) {
  const auto write = ParseWriteOptions(call.query, "UpdateOptions");
  if (!write) return Reply::Error(write.error());
  std::vector<std::string> warnings;
  auto wanted = DecodeBody(call, *call.resource, write->field_validation, warnings);
  if (!wanted) return Reply::Error(wanted.error());
  if (auto ok = CheckName(call, *wanted); !ok) return Reply::Error(ok.error());
  const auto current = store.Get(KeyOf(call, call.info.name));
  if (current == nullptr) {
    return Reply::Error(kube::StatusNotFound(*call.resource, call.info.name));
  }
  Json object = current->value;
  const Json& finalizers = GetArray(*wanted, {"spec", "finalizers"});
  if (finalizers.empty()) {
    Erase(object, {"spec", "finalizers"});
  } else {
    Ensure(object, {"spec", "finalizers"}) = finalizers;
  }
  TrackInPlace(call, current->value, object);
  return StoreChanged(call, current, std::move(object), write->dry_run, std::move(warnings));
}

// POST pods/NAME/eviction deletes the pod. PodDisruptionBudgets are kept and hold nobody up.
Reply Server::Impl::Evict(Call& call) {
  const auto write = ParseWriteOptions(call.query, "CreateOptions");
  if (!write) return Reply::Error(write.error());
  const kube::Resource kind =
      call.resource->OfSubresource(*call.resource->FindSubresource("eviction"));
  std::vector<std::string> warnings;
  auto eviction = DecodeBody(call, kind, write->field_validation, warnings);
  if (!eviction) return Reply::Error(eviction.error());
  if (GetString(*eviction, {"metadata", "name"}) != call.info.name) {
    return Reply::Error(
        kube::StatusBadRequest("name in URL does not match name in Eviction object"));
  }
  const auto pod = store.Get(KeyOf(call, call.info.name));
  if (pod == nullptr) return Reply::Error(kube::StatusNotFound(*call.resource, call.info.name));
  auto how = ParseDeleteOptions(GetObject(*eviction, {"deleteOptions"}), {});
  if (!how) return Reply::Error(how.error());
  how->dry_run = how->dry_run || write->dry_run;
  auto durable = std::make_shared<Durable>(loop);
  const auto deleted = DeleteOne(call, pod, *how, durable);
  if (!deleted) return Reply::Error(deleted.error());
  Reply reply = Created();
  reply.warnings = std::move(warnings);
  reply.durable = std::move(durable);
  return reply;
}

Reply Server::Impl::Bind(Call& call) {
  const auto write = ParseWriteOptions(call.query, "CreateOptions");
  if (!write) return Reply::Error(write.error());
  const kube::Resource kind =
      call.resource->OfSubresource(*call.resource->FindSubresource("binding"));
  std::vector<std::string> warnings;
  auto binding = DecodeBody(call, kind, write->field_validation, warnings);
  if (!binding) return Reply::Error(binding.error());
  const kubestore::Key key = KeyOf(call, call.info.name);
  const auto current = store.Get(key);
  if (current == nullptr) {
    return Reply::Error(kube::StatusNotFound(*call.resource, call.info.name));
  }
  auto bound = BindPod(current->value, *binding, clock.Now());
  if (!bound) return Reply::Error(bound.error());
  Reply reply = Created();
  reply.warnings = std::move(warnings);
  if (write->dry_run) return reply;
  auto durable = std::make_shared<Durable>(loop);
  auto stored = store.Update(key, std::move(*bound), 0, durable->Expect());
  if (!stored) return Reply::Error(kube::StatusFailure(500, "", stored.error().message));
  reply.durable = std::move(durable);
  return reply;
}

net::Task<void> Server::Impl::Logs(std::shared_ptr<Call> call, net::ResponseWriter& writer) {
  const auto pod = store.Get(KeyOf(*call, call->info.name));
  Reply refusal;
  Answer<std::string> container;
  if (pod == nullptr) {
    refusal = Reply::Error(kube::StatusNotFound(*call->resource, call->info.name));
  } else if (Json error = CheckLogOptions(call->info.name, call->query); !error.is_null()) {
    refusal = Reply::Error(std::move(error));
  } else if (container = LogContainer(pod->value, QueryValue(call->query, "container"));
             !container) {
    refusal = Reply::Error(container.error());
  } else if (GetString(pod->value, {"spec", "nodeName"}).empty()) {
    refusal = Reply::PlainText(204, "");  // on no node: nothing was said yet
  } else if (!log_handler) {
    refusal = Reply::Error(NotServed("logs without a kubelet"));
  } else {
    QueryParameters query = call->query;
    std::erase_if(query, [](const auto& parameter) { return parameter.first == "container"; });
    query.emplace_back("container", *container);
    const LogHandler handler = log_handler;
    Count(*call, 200, Duration(0));
    std::string text = net::BuildQuery(query);
    co_await handler(call->info.ns, call->info.name, std::move(text), writer);
    co_return;
  }
  co_await SendNow(call, std::move(refusal), writer);
}

}  // namespace weir::apiserver
