#include "kubelet/kubelet.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "base/strings.h"
#include "client/events.h"
#include "client/informer.h"
#include "kube/status.h"
#include "kubelet/address_plan.h"
#include "kubelet/hosts_plan.h"
#include "kubelet/log_server.h"
#include "kubelet/machine.h"
#include "kubelet/pod_worker.h"
#include "kubelet/scheduler_plan.h"
#include "net/deadline.h"
#include "platform/system.h"

namespace weir::kubelet {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kRetry = seconds(1);
// nodeStatusReportFrequency of upstream.
constexpr Duration kNodeReportPeriod = std::chrono::minutes(5);
// Changes that come together are written to the hosts files together.
constexpr Duration kHostsPause = milliseconds(20);

std::string Uid(const Json& object) { return GetString(object, {"metadata", "uid"}); }
std::string NamespaceOf(const Json& object) { return GetString(object, {"metadata", "namespace"}); }
std::string NameOf(const Json& object) { return GetString(object, {"metadata", "name"}); }

net::Task<void> AnswerStatus(Json status, net::ResponseWriter& writer) {
  const int code = static_cast<int>(GetInt(status, {"code"}, 500));
  (void)co_await writer.Send(net::HttpResponse::JsonText(code, DumpJson(status)));
}

}  // namespace

class Kubelet::Impl final : public PodHost {
 public:
  Impl(net::Loop& loop, env::Clock& clock, env::Random& random, client::Client& client,
       client::SharedInformers& informers, Options options)
      : options_(std::move(options)),
        machine_(ReadMachineFacts(options_.node_name, options_.host_ip, options_.version)),
        loop_(loop),
        clock_(clock),
        random_(random),
        client_(client),
        group_(loop, "kubelet"),
        workers_group_(loop, "kubelet pods"),
        prober_(loop),
        events_(client, group_, clock, random, "kubelet", options_.node_name),
        scheduler_events_(client, group_, clock, random, "default-scheduler"),
        pods_(informers.Get(client::refs::kPods)),
        services_(informers.Get(client::refs::kServices)),
        config_maps_(informers.Get(client::refs::kConfigMaps)),
        secrets_(informers.Get(client::refs::kSecrets)),
        nodes_(informers.Get(client::refs::kNodes)),
        schedule_(loop),
        hosts_changed_(loop),
        node_gone_(loop),
        workers_ended_(loop) {
    // Mounts are made from another working folder than ours.
    options_.data_dir = std::filesystem::absolute(options_.data_dir).string();
    placeholders_ = {{"WEIR", options_.weir_path}, {"WEIR_BIN_DIR", options_.bin_dir}};
    facts_.host_ip = options_.host_ip;
    facts_.node_name = options_.node_name;
  }

  Status Start();
  net::Task<void> Stop();
  void Kill();
  net::Task<void> ServeLog(std::string ns, std::string name, std::string query,
                           net::ResponseWriter& writer);
  std::vector<Usage> ReadUsage() const;
  Counters counters() const { return {workers_.size(), bound_}; }

  // PodHost.
  net::Loop& loop() override { return loop_; }
  net::TaskGroup& group() override { return workers_group_; }
  env::Clock& clock() override { return clock_; }
  env::Random& random() override { return random_; }
  client::Client& client() override { return client_; }
  client::EventRecorder& events() override { return events_; }
  Prober& prober() override { return prober_; }
  const Catalogue& catalogue() override { return options_.catalogue; }
  const Placeholders& placeholders() override { return placeholders_; }
  const PodFacts& facts() override { return facts_; }
  const std::string& path() override { return options_.path; }
  std::string PodFolder(const Json& pod) override;
  Result<std::string> Address(const Json& pod) override;
  void ReleaseAddress(const Json& pod) override;
  Result<std::string> Hosts(const Json& pod, const std::string& address) override;
  std::vector<ObjectPtr> Services() override { return services_.List(); }
  net::Task<NeededObjects> Fetch(ObjectPtr pod, std::vector<ObjectNeed> needs) override;
  net::Task<Result<Json>> RequestToken(ObjectPtr pod, std::string audience);

 private:
  void Listen();
  net::Task<void> Run();
  net::Task<bool> Register();
  net::Task<void> ReportNode();
  net::Task<void> Schedule();
  net::Task<bool> Place(ObjectPtr pod);
  net::Task<void> MarkUnschedulable(ObjectPtr pod, std::string message);
  net::Task<void> KeepHosts();
  net::Task<void> RunWorker(std::string uid, std::shared_ptr<PodWorker> worker);

  void AdoptAll();
  void PodChanged(const ObjectPtr& before, const ObjectPtr& after);
  void Adopt(const ObjectPtr& pod);
  void ObjectChanged(const char* kind, const ObjectPtr& before, const ObjectPtr& after);
  std::vector<ObjectPtr> BoundPods() const;
  Status WriteHosts(const std::string& ns, const std::vector<ObjectPtr>& pods);
  std::vector<ObjectPtr> PodsWithAddress() const;
  PodWorker* FindWorker(const std::string& ns, const std::string& name) const;
  void RemoveOldFolders();
  std::string HostsPath(const std::string& ns) const { return options_.data_dir + "/hosts/" + ns; }

  Options options_;
  MachineFacts machine_;
  net::Loop& loop_;
  env::Clock& clock_;
  env::Random& random_;
  client::Client& client_;
  net::TaskGroup group_;          // watches, scheduling, hosts
  net::TaskGroup workers_group_;  // pods and what accompanies them
  Prober prober_;
  client::EventRecorder events_;
  client::EventRecorder scheduler_events_;
  client::Informer& pods_;
  client::Informer& services_;
  client::Informer& config_maps_;
  client::Informer& secrets_;
  client::Informer& nodes_;
  net::Signal schedule_;
  net::Signal hosts_changed_;
  net::Signal node_gone_;
  net::Signal workers_ended_;
  Placeholders placeholders_;
  PodFacts facts_;
  std::optional<AddressPool> addresses_;
  std::map<std::string, std::string> address_of_;              // pod uid -> address
  std::map<std::string, std::shared_ptr<PodWorker>> workers_;  // pod uid -> worker
  std::map<std::string, std::string> hosts_;                   // namespace -> what its file has
  std::map<std::string, ObjectPtr> starting_;  // uid -> pods whose address the cache may lack
  std::map<std::string, ObjectPtr> assumed_;   // uid -> pods bound, not yet seen so
  std::map<std::string, std::string> unschedulable_;  // uid -> the message told last
  bool ready_ = false;                                // caches are filled, workers may be made
  bool stopping_ = false;
  std::uint64_t bound_ = 0;
  std::vector<client::Informer::Registration> listening_;
};

Status Kubelet::Impl::Start() {
  auto addresses = AddressPool::Make(options_.pod_network);
  if (!addresses) return std::unexpected(addresses.error());
  addresses_ = *std::move(addresses);
  if (auto ok = platform::CheckNamespaces(); !ok) return ok;
  // Every pod of an earlier run starts anew, with a hosts file that is written then.
  if (auto ok = platform::RemoveTree(options_.data_dir + "/hosts"); !ok) return ok;
  platform::SystemFileSystem files;
  for (const char* folder : {"/pods", "/hosts"}) {
    if (auto ok = files.MakeDirs(options_.data_dir + folder, 0700); !ok) return ok;
  }
  facts_.allocatable = GetObject(NodeStatus(machine_, nullptr, clock_.Now()), {"allocatable"});
  Listen();
  group_.Spawn(Run());
  return {};
}

void Kubelet::Impl::Listen() {
  const auto listen = [this](client::Informer& informer, client::Informer::Listener listener) {
    listening_.push_back(informer.AddListener(std::move(listener)));
  };
  listen(pods_, [this](const ObjectPtr& b, const ObjectPtr& a) { PodChanged(b, a); });
  listen(services_, [this](const ObjectPtr&, const ObjectPtr&) { hosts_changed_.Notify(); });
  listen(nodes_, [this](const ObjectPtr& before, const ObjectPtr& after) {
    schedule_.Notify();
    // Without its node the kubelet would run nothing new: it registers again.
    if (!after && GetString(*before, {"metadata", "name"}) == options_.node_name) {
      node_gone_.Notify();
    }
  });
  listen(config_maps_,
         [this](const ObjectPtr& b, const ObjectPtr& a) { ObjectChanged("ConfigMap", b, a); });
  listen(secrets_,
         [this](const ObjectPtr& b, const ObjectPtr& a) { ObjectChanged("Secret", b, a); });
}

net::Task<void> Kubelet::Impl::Run() {
  for (bool registered = co_await Register(); !registered; registered = co_await Register()) {
    if (const bool slept = co_await net::Sleep(kRetry); !slept) co_return;
  }
  for (client::Informer* informer : {&services_, &config_maps_, &secrets_, &nodes_, &pods_}) {
    if (const bool synced = co_await informer->WaitSynced(); !synced) co_return;
  }
  AdoptAll();
  group_.Spawn(Schedule());
  group_.Spawn(KeepHosts());
  group_.Spawn(ReportNode());
}

// Creates the node, or takes over the one of an earlier run, and reports it ready.
net::Task<bool> Kubelet::Impl::Register() {
  const auto created = co_await client_.Create(client::refs::kNodes, "", NodeObject(machine_));
  if (!created && created.error().code != Code::kConflict) {
    if (created.error().code != Code::kCancelled) {
      spdlog::warn("kubelet: register node: {}", created.error().message);
    }
    co_return false;
  }
  const auto node = co_await client_.Get(client::refs::kNodes, "", options_.node_name);
  Json patch = {{"status", NodeStatus(machine_, node ? *node : Json(nullptr), clock_.Now())}};
  const auto answer = co_await client_.Patch(client::refs::kNodes, "", options_.node_name,
                                             client::PatchType::kMerge, std::move(patch), "status");
  if (!answer && !group_.stopping()) {
    spdlog::warn("kubelet: report node: {}", answer.error().message);
  }
  co_return answer.has_value();
}

net::Task<void> Kubelet::Impl::ReportNode() {
  bool registered = true;
  while (!group_.stopping()) {
    co_await node_gone_.WaitFor(registered ? kNodeReportPeriod : kRetry);
    if (group_.stopping()) co_return;
    registered = co_await Register();
  }
}

// Pods of an earlier run keep their addresses; only then may new ones take any.
void Kubelet::Impl::AdoptAll() {
  for (const auto& [key, pod] : pods_.objects()) {
    if (GetString(*pod, {"spec", "nodeName"}) != options_.node_name || IsTerminal(*pod)) continue;
    const std::string address = GetString(*pod, {"status", "podIP"});
    if (!address.empty() && addresses_->Keep(address)) address_of_[Uid(*pod)] = address;
  }
  ready_ = true;
  RemoveOldFolders();
  for (const auto& [key, pod] : pods_.objects()) Adopt(pod);
  schedule_.Notify();
}

void Kubelet::Impl::PodChanged(const ObjectPtr& before, const ObjectPtr& after) {
  hosts_changed_.Notify();
  if (!ready_) return;
  if (before && (!after || Uid(*after) != Uid(*before))) {
    const std::string uid = Uid(*before);
    assumed_.erase(uid);
    unschedulable_.erase(uid);
    starting_.erase(uid);
    const auto worker = workers_.find(uid);
    if (worker != workers_.end()) worker->second->Gone();
    schedule_.Notify();  // its room is free
  }
  if (after) Adopt(after);
}

void Kubelet::Impl::Adopt(const ObjectPtr& pod) {
  const std::string uid = Uid(*pod);
  if (!GetString(*pod, {"status", "podIP"}).empty()) starting_.erase(uid);
  const std::string node = GetString(*pod, {"spec", "nodeName"});
  if (node.empty()) {
    if (Find(*pod, {"metadata", "deletionTimestamp"}) == nullptr) schedule_.Notify();
    return;
  }
  assumed_.erase(uid);
  unschedulable_.erase(uid);
  if (node != options_.node_name || stopping_) return;
  const auto worker = workers_.find(uid);
  if (worker != workers_.end()) {
    worker->second->Update(pod);
    return;
  }
  auto made = std::make_shared<PodWorker>(*this, pod);
  workers_[uid] = made;
  workers_group_.Spawn(RunWorker(uid, std::move(made)));
}

net::Task<void> Kubelet::Impl::RunWorker(std::string uid, std::shared_ptr<PodWorker> worker) {
  co_await worker->Run();
  workers_.erase(uid);
  workers_ended_.Notify();
}

void Kubelet::Impl::ObjectChanged(const char* kind, const ObjectPtr& before,
                                  const ObjectPtr& after) {
  if (!ready_) return;
  const Json& object = after ? *after : *before;
  const ObjectNeed need{kind, NameOf(object)};
  for (const auto& [uid, worker] : workers_) {
    if (NamespaceOf(worker->pod()) == NamespaceOf(object)) worker->ObjectChanged(need);
  }
}

std::vector<ObjectPtr> Kubelet::Impl::BoundPods() const {
  std::vector<ObjectPtr> bound;
  for (const auto& [key, pod] : pods_.objects()) {
    if (!GetString(*pod, {"spec", "nodeName"}).empty()) bound.push_back(pod);
  }
  for (const auto& [uid, pod] : assumed_) bound.push_back(pod);
  return bound;
}

// Gives waiting pods to the node, oldest name first, one at a time.
net::Task<void> Kubelet::Impl::Schedule() {
  bool retry = false;
  for (bool cancelled = co_await net::IsCancelled(); !cancelled;
       cancelled = co_await net::IsCancelled()) {
    if (retry) {
      co_await schedule_.WaitFor(kRetry);
    } else {
      co_await schedule_.Wait();
    }
    retry = false;
    std::vector<ObjectPtr> waiting;
    for (const auto& [key, pod] : pods_.objects()) {
      const bool unbound = GetString(*pod, {"spec", "nodeName"}).empty();
      if (unbound && !assumed_.contains(Uid(*pod))) waiting.push_back(pod);
    }
    for (const ObjectPtr& pod : waiting) {
      if (const bool placed = co_await Place(pod); !placed) retry = true;
    }
  }
}

// false: the API did not answer as hoped, try again.
net::Task<bool> Kubelet::Impl::Place(ObjectPtr pod) {
  const ObjectPtr node = nodes_.Get(options_.node_name);
  if (!node) co_return false;
  const Placement placement = PlanPlacement(*pod, *node, BoundPods());
  if (!placement.wanted) co_return true;
  if (!placement.fits) {
    co_await MarkUnschedulable(pod, placement.message);
    co_return true;
  }
  const std::string ns = NamespaceOf(*pod);
  const std::string name = NameOf(*pod);
  Json binding = {{"apiVersion", "v1"},
                  {"kind", "Binding"},
                  {"metadata", {{"name", name}, {"namespace", ns}, {"uid", Uid(*pod)}}},
                  {"target", {{"kind", "Node"}, {"name", options_.node_name}}}};
  assumed_[Uid(*pod)] = pod;
  std::string path = client::refs::kPods.Path(ns, name, "binding");
  const auto answer = co_await client_.Send("POST", std::move(path), std::move(binding));
  if (answer) {
    ++bound_;
    scheduler_events_.Record(
        *pod, "Normal", "Scheduled",
        "Successfully assigned " + ns + "/" + name + " to " + options_.node_name);
    co_return true;
  }
  assumed_.erase(Uid(*pod));
  if (answer.error().code == Code::kNotFound || answer.error().code == Code::kConflict) {
    co_return true;  // gone or bound by somebody else: the watch tells
  }
  if (answer.error().code != Code::kCancelled) {
    spdlog::warn("kubelet: bind pod {}/{}: {}", ns, name, answer.error().message);
  }
  co_return false;
}

net::Task<void> Kubelet::Impl::MarkUnschedulable(ObjectPtr pod, std::string message) {
  std::string& told = unschedulable_[Uid(*pod)];
  if (told == message) co_return;
  told = message;
  scheduler_events_.Record(*pod, "Warning", "FailedScheduling", message);
  Json conditions = Json::array({{{"type", "PodScheduled"},
                                  {"status", "False"},
                                  {"reason", "Unschedulable"},
                                  {"message", message},
                                  {"lastTransitionTime", FormatRfc3339(clock_.Now())}}});
  Json patch = {{"status", {{"conditions", std::move(conditions)}}}};
  const auto answer = co_await client_.Patch(client::refs::kPods, NamespaceOf(*pod), NameOf(*pod),
                                             client::PatchType::kMerge, std::move(patch), "status");
  if (!answer) spdlog::debug("kubelet: unschedulable pod: {}", answer.error().message);
}

std::string Kubelet::Impl::PodFolder(const Json& pod) {
  return options_.data_dir + "/pods/" + NamespaceOf(pod) + "_" + NameOf(pod) + "_" + Uid(pod);
}

// Folders of pods that were deleted while we were away.
void Kubelet::Impl::RemoveOldFolders() {
  std::set<std::string> known;
  for (const auto& [key, pod] : pods_.objects()) known.insert(PodFolder(*pod));
  platform::SystemFileSystem files;
  const auto names = files.List(options_.data_dir + "/pods");
  if (!names) return;
  for (const std::string& name : *names) {
    const std::string folder = options_.data_dir + "/pods/" + name;
    if (known.contains(folder)) continue;
    if (auto ok = platform::RemoveTree(folder); !ok)
      spdlog::warn("kubelet: {}", ok.error().message);
  }
}

Result<std::string> Kubelet::Impl::Address(const Json& pod) {
  const auto known = address_of_.find(Uid(pod));
  if (known != address_of_.end()) return known->second;
  auto address = addresses_->Take();
  if (address) address_of_[Uid(pod)] = *address;
  return address;
}

void Kubelet::Impl::ReleaseAddress(const Json& pod) {
  const auto known = address_of_.find(Uid(pod));
  if (known == address_of_.end()) return;
  addresses_->Release(known->second);
  address_of_.erase(known);
}

std::vector<ObjectPtr> Kubelet::Impl::PodsWithAddress() const {
  std::vector<ObjectPtr> pods;
  for (const auto& [key, pod] : pods_.objects()) {
    if (!GetString(*pod, {"status", "podIP"}).empty() && !IsTerminal(*pod)) pods.push_back(pod);
  }
  for (const auto& [uid, pod] : starting_) pods.push_back(pod);
  return pods;
}

Result<std::string> Kubelet::Impl::Hosts(const Json& pod, const std::string& address) {
  if (GetString(pod, {"status", "podIP"}).empty()) {
    Json with_address = pod;
    with_address["status"]["podIP"] = address;
    starting_[Uid(pod)] = std::make_shared<const Json>(std::move(with_address));
  }
  const std::string ns = NamespaceOf(pod);
  if (auto ok = WriteHosts(ns, PodsWithAddress()); !ok) return std::unexpected(ok.error());
  return HostsPath(ns);
}

Status Kubelet::Impl::WriteHosts(const std::string& ns, const std::vector<ObjectPtr>& pods) {
  std::string text = HostsFile(ns, services_.List(), pods);
  std::string& now = hosts_[ns];
  if (now == text) return {};
  if (auto ok = platform::RewriteInPlace(HostsPath(ns), text); !ok) return ok;
  now = std::move(text);
  return {};
}

// Rewrites the hosts files of namespaces that have pods of ours whenever names change, and removes
// those of namespaces that have none any more.
net::Task<void> Kubelet::Impl::KeepHosts() {
  for (bool cancelled = co_await net::IsCancelled(); !cancelled;
       cancelled = co_await net::IsCancelled()) {
    co_await hosts_changed_.Wait();
    if (const bool slept = co_await net::Sleep(kHostsPause); !slept) co_return;
    const std::vector<ObjectPtr> pods = PodsWithAddress();
    std::set<std::string> namespaces;
    for (const auto& [uid, worker] : workers_) namespaces.insert(NamespaceOf(worker->pod()));
    for (auto it = hosts_.begin(); it != hosts_.end();) {
      const std::string ns = it->first;
      const bool needed = namespaces.contains(ns);
      it = needed ? std::next(it) : hosts_.erase(it);
      const Status ok = needed ? WriteHosts(ns, pods) : platform::RemoveTree(HostsPath(ns));
      if (!ok) spdlog::warn("kubelet: {}", ok.error().message);
    }
  }
}

// From the caches, and from the API where they do not have it: it may be newer than they are.
net::Task<NeededObjects> Kubelet::Impl::Fetch(ObjectPtr pod, std::vector<ObjectNeed> needs) {
  NeededObjects objects;
  const std::string ns = NamespaceOf(*pod);
  for (const ObjectNeed& need : needs) {
    const bool token = need.kind == kTokenKind;
    if (token) {
      auto answer = co_await RequestToken(pod, need.name);
      if (answer) objects[need] = *std::move(answer);
      continue;
    }
    const bool secret = need.kind == "Secret";
    const client::Informer& cache = secret ? secrets_ : config_maps_;
    if (const ObjectPtr object = cache.Get(ns, need.name)) {
      objects[need] = *object;
      continue;
    }
    const auto answer = co_await client_.Get(
        secret ? client::refs::kSecrets : client::refs::kConfigMaps, ns, need.name);
    if (answer) objects[need] = *answer;
  }
  co_return objects;
}

// A token of the pod's ServiceAccount that is good as long as the pod is there. Upstream writes a
// new one each hour; its API server extends what pods are given to a year all the same.
net::Task<Result<Json>> Kubelet::Impl::RequestToken(ObjectPtr pod, std::string audience) {
  constexpr std::int64_t kYearSeconds = std::int64_t{365} * 24 * 3600;
  Json spec = {{"expirationSeconds", kYearSeconds},
               {"boundObjectRef",
                {{"apiVersion", "v1"},
                 {"kind", "Pod"},
                 {"name", NameOf(*pod)},
                 {"uid", GetString(*pod, {"metadata", "uid"})}}}};
  if (!audience.empty()) spec["audiences"] = Json::array({audience});
  Json request = {{"apiVersion", "authentication.k8s.io/v1"},
                  {"kind", "TokenRequest"},
                  {"spec", std::move(spec)}};
  const std::string path = client::refs::kServiceAccounts.Path(
      NamespaceOf(*pod), GetString(*pod, {"spec", "serviceAccountName"}), "token");
  co_return co_await client_.Send("POST", path, std::move(request));
}

net::Task<void> Kubelet::Impl::Stop() {
  stopping_ = true;
  for (const auto& [uid, worker] : workers_) worker->ShutDown();
  while (!workers_.empty()) co_await workers_ended_.Wait();
  listening_.clear();
  co_await workers_group_.Stop();
  co_await group_.Stop();
}

void Kubelet::Impl::Kill() {
  for (const auto& [uid, worker] : workers_) worker->KillAll();
}

PodWorker* Kubelet::Impl::FindWorker(const std::string& ns, const std::string& name) const {
  for (const auto& [uid, worker] : workers_) {
    if (NamespaceOf(worker->pod()) == ns && NameOf(worker->pod()) == name) return worker.get();
  }
  return nullptr;
}

net::Task<void> Kubelet::Impl::ServeLog(std::string ns, std::string name, std::string query,
                                        net::ResponseWriter& writer) {
  auto options = ParseLogOptions(name, net::ParseQuery(query));
  if (!options) co_return co_await AnswerStatus(options.error(), writer);
  const auto pod = co_await client_.Get(client::refs::kPods, ns, name);
  if (!pod) {
    const bool absent = pod.error().code == Code::kNotFound;
    const Json details = {{"kind", "pods"}, {"name", name}};
    const Json status = kube::StatusFailure(
        absent ? 404 : 500, absent ? "NotFound" : "InternalError", pod.error().message, details);
    co_return co_await AnswerStatus(status, writer);
  }
  if (auto error = ChooseContainer(*pod, *options)) {
    co_return co_await AnswerStatus(*std::move(error), writer);
  }
  if (GetString(*pod, {"spec", "nodeName"}).empty()) {
    net::HttpResponse empty;
    empty.status = 204;
    (void)co_await writer.Send(std::move(empty));
    co_return;
  }
  PodWorker* worker = FindWorker(ns, name);
  Result<std::shared_ptr<ContainerLog>> log =
      Fail(Code::kInvalid, "container \"" + options->container + "\" in pod \"" + name +
                               "\" is waiting to start: ContainerCreating");
  if (worker != nullptr) log = worker->OpenLog(options->container, options->previous);
  if (!log) co_return co_await AnswerStatus(kube::StatusBadRequest(log.error().message), writer);
  co_await StreamLog(*log, *options, clock_.Now(), writer);
}

std::vector<Kubelet::Usage> Kubelet::Impl::ReadUsage() const {
  std::vector<Usage> usage;
  for (const auto& [uid, worker] : workers_) {
    for (const PodWorker::ContainerUsage& used : worker->Usage()) {
      usage.push_back({NamespaceOf(worker->pod()), NameOf(worker->pod()), used.container,
                       used.usage.cpu_seconds, used.usage.memory_bytes});
    }
  }
  return usage;
}

Kubelet::Kubelet(net::Loop& loop, env::Clock& clock, env::Random& random, client::Client& client,
                 client::SharedInformers& informers, Options options)
    : impl_(std::make_shared<Impl>(loop, clock, random, client, informers, std::move(options))) {}

Kubelet::~Kubelet() = default;

Status Kubelet::Start() { return impl_->Start(); }
net::Task<void> Kubelet::Stop() { return impl_->Stop(); }
void Kubelet::Kill() { impl_->Kill(); }

net::Task<void> Kubelet::ServeLog(std::string ns, std::string name, std::string query,
                                  net::ResponseWriter& writer) {
  return impl_->ServeLog(std::move(ns), std::move(name), std::move(query), writer);
}

std::vector<Kubelet::Usage> Kubelet::ReadUsage() const { return impl_->ReadUsage(); }
Kubelet::Counters Kubelet::counters() const { return impl_->counters(); }

}  // namespace weir::kubelet
