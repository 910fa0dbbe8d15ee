// The inside of Server: the state, and what a request becomes on its way through. Everything here
// runs on the loop thread; between two awaits nothing else does, so that a read and the write based
// on it need no retry.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "apiserver/accept_plan.h"
#include "apiserver/auth_plan.h"
#include "apiserver/filter_plan.h"
#include "apiserver/options_plan.h"
#include "apiserver/rbac_plan.h"
#include "apiserver/reply.h"
#include "apiserver/request_info_plan.h"
#include "apiserver/server.h"
#include "apiserver/service_plan.h"
#include "apiserver/token_plan.h"

namespace weir::apiserver {

// One request. `resource` and `stored` are good until the next await: registering a kind moves
// them.
struct Call {
  net::HttpRequest request;
  QueryParameters query;
  RequestInfo info;
  User user;
  Accepted accepted;
  bool pretty = false;
  const kube::Resource* resource = nullptr;  // the version of the request
  const kube::Resource* stored = nullptr;    // the version that is kept
  std::string deprecation;                   // what the answer warns of because of the resource
};

struct Server::Impl {
  Impl(net::Loop& l, env::Clock& c, env::Random& r, kubestore::Store& s, Options o)
      : loop(l),
        clock(c),
        random(r),
        store(s),
        options(std::move(o)),
        registry(!options.upstream_exact),
        watch_ended(l) {}

  net::Loop& loop;
  env::Clock& clock;
  env::Random& random;
  kubestore::Store& store;
  Options options;
  kube::Registry registry;
  RbacPolicy policy;
  ServiceRange range;
  Metrics metrics;
  bool started = false;
  bool stopping = false;

  struct MountPoint {
    std::string prefix;
    MountedHandler handler;
  };
  std::vector<MountPoint> mounts;
  std::vector<std::pair<std::string, std::function<Json()>>> mounted_groups;
  LogHandler log_handler;
  std::map<std::string, ObjectsFn> own_resources;
  std::function<std::string()> metrics_handler;
  // Watches to wake when the server stops.
  std::map<int, std::function<void()>> watchers;
  int next_watcher = 1;
  // Made when they are asked for; those of another generation of the registry are made anew.
  std::map<std::string, std::shared_ptr<const std::string>> openapi_texts;
  std::int64_t openapi_generation = 0;
  net::Signal watch_ended;

  // handler.cc: from the request to the answer.
  net::Task<void> Serve(net::HttpRequest request, net::Peer peer, net::ResponseWriter& writer);
  net::Task<void> Route(std::shared_ptr<Call> call, net::ResponseWriter& writer);
  net::Task<void> ServeResource(std::shared_ptr<Call> call, net::ResponseWriter& writer);
  net::Task<void> Send(std::shared_ptr<Call> call, Reply reply, net::ResponseWriter& writer);
  net::Task<void> SendNow(std::shared_ptr<Call> call, Reply reply, net::ResponseWriter& writer);
  void Count(const Call& call, int code, Duration latency);
  const MountPoint* FindMount(std::string_view path) const;
  // The resource that the path names, or the 404 or 405.
  Answer<void> Resolve(Call& call) const;
  Reply Dispatch(Call& call);

  // discovery.cc: documents about the server itself.
  Reply ServePath(Call& call);
  Reply Discovery(const Call& call, std::vector<std::string> parts);
  Reply AggregatedDiscovery(const Call& call, bool core) const;
  Reply OpenApi(const Call& call);
  // The document at a path of /openapi/v3; null where there is none.
  std::shared_ptr<const std::string> OpenApiText(const std::string& path);
  Reply Health(const Call& call, std::string_view what, std::string_view check) const;
  Json Version() const;
  Json PathList() const;
  std::vector<Json> MountedGroups() const;
  bool IsBuiltInGroup(std::string_view group) const;

  // reads.cc
  Reply Get(Call& call);
  Reply List(Call& call);
  // Whether the call is another's about a resource that this program alone writes.
  bool IsOwn(const Call& call) const;
  // Its objects that only memory has, of the call's namespace; of all names where `name` is empty.
  std::vector<kubestore::ObjectPtr> InMemory(const Call& call, std::string_view name) const;
  Reply ObjectReply(const Call& call, int code, const kubestore::Object& object) const;
  // `value` in the request's version.
  Reply ValueReply(const Call& call, int code, Json value) const;

  // watch.cc
  net::Task<void> Watch(std::shared_ptr<Call> call, net::ResponseWriter& writer);

  // writes.cc
  Reply Create(Call& call);
  Reply Update(Call& call);
  Reply Patch(Call& call);
  Reply Delete(Call& call);
  Reply DeleteCollection(Call& call);
  Answer<Json> DecodeBody(const Call& call, const kube::Resource& resource,
                          FieldValidation validation, std::vector<std::string>& warnings) const;
  Answer<void> CheckNamespace(const Call& call, Json& object) const;
  Answer<void> CheckNewInNamespace(const Call& call, const Json& object) const;
  Answer<void> CheckName(const Call& call, const Json& object) const;
  // Defaults, conversion, preservation, validation and allocation; the object to store.
  // `applied`: the managedFields of an apply; null: those of an update.
  Answer<Json> PrepareNew(const Call& call, Json object, const Json* applied = nullptr);
  Answer<Json> PrepareChanged(const Call& call, const kubestore::Object& current, Json object,
                              const Json* applied = nullptr);
  Reply CreateObject(const Call& call, Json object, const Json* applied, bool dry_run,
                     std::vector<std::string> warnings);
  // The managedFields of `object` after this write; both in the request's version. `before` is null
  // on create.
  Json Track(const Call& call, const Json* before, const Json& object) const;
  // An object of the request in another version of its group; null where that is not served.
  Json InVersion(const Call& call, const Json& object, const std::string& api_version) const;
  // The same for a change of what is stored, `current`.
  Json TrackChange(const Call& call, const Json& current, const Json& object) const;
  // The same where both are in the storage version: `object` gets its new managedFields.
  void TrackInPlace(const Call& call, const Json& current, Json& object) const;
  Answer<void> AllocateServiceFields(const Call& call, Json& object);
  // What a change through any subresource ends with. `object` is in the storage version.
  Reply StoreChanged(const Call& call, const kubestore::ObjectPtr& current, Json object,
                     bool dry_run, std::vector<std::string> warnings);
  Answer<Json> ApplyPatch(const Call& call, const kube::Resource& resource, const Json& current,
                          FieldValidation validation, std::vector<std::string>& warnings) const;
  kubestore::Key KeyOf(const Call& call, std::string_view name) const;
  kube::StrategyOptions Strategy(const Call& call) const;
  // Deletes one object as its plan says; the object afterwards.
  Answer<std::pair<Json, bool>> DeleteOne(const Call& call, const kubestore::ObjectPtr& object,
                                          const DeleteOptions& options,
                                          const std::shared_ptr<Durable>& durable);

  // applies.cc
  Reply Apply(Call& call);
  Answer<Json> AppliedConfiguration(const Call& call) const;

  // subresources.cc
  Reply ServeScale(Call& call);
  Reply FinalizeNamespace(Call& call);
  Reply Bind(Call& call);
  Reply Evict(Call& call);
  net::Task<void> Logs(std::shared_ptr<Call> call, net::ResponseWriter& writer);

  // pod_streams.cc
  // exec and attach: what is wrong with the request, or that they are not served yet.
  Reply RefuseStream(const Call& call) const;
  net::Task<void> PortForward(std::shared_ptr<Call> call, net::ResponseWriter& writer);

  // reviews.cc: what is answered and not stored.
  Reply Review(Call& call);
  Answer<Json> AnswerAccessReview(const Call& call, const Json& review) const;
  Answer<Json> AnswerTokenReview(const Json& review) const;
  Reply RequestToken(Call& call);
  Answer<BoundObject> BoundTo(const Call& call, const Json& ref) const;

  // access.cc
  // Takes the user in; null, or the 403.
  Json Forbidden(Call& call, User user) const;
  // The user that a request is served as, impersonated or not.
  Answer<User> WhoAsks(const Call& call, const net::Peer& peer) const;
  // `common`: those of `audiences` that the token is meant for; nullopt where there is none.
  std::optional<User> UserOfToken(const std::string& token,
                                  const std::vector<std::string>& audiences,
                                  std::vector<std::string>* common) const;
  void StartPolicy();
  void GatherRoles();
  Answer<void> CheckEscalation(const Call& call, const Json& object) const;

  // definitions.cc: what custom kinds need beside being stored.
  // Takes a definition into the registry and writes its status.
  void Register(Json& definition);
  // The same for one that was just stored: its status is a write of its own.
  void Establish(const kubestore::Object& stored, const kubestore::Key& key,
                 const std::shared_ptr<Durable>& durable);
  // After a definition was marked for deletion, or one of its objects went.
  void FinishDefinition(const std::string& crd_name, const std::shared_ptr<Durable>& durable);
  Status RegisterStored();

  // bootstrap.cc
  Status Bootstrap();
  Status BootstrapAccess();
  Status BootstrapKubernetes();
  // `object` has apiVersion and kind.
  Status CreateIfMissing(Json object);
  Status CreateOrSet(Json object, JsonPath field);
  std::pair<const kube::Resource*, kubestore::Key> PlaceOf(const Json& object) const;
};

}  // namespace weir::apiserver
