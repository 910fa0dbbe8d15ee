// The live kubelet with real processes against an API in memory.
#include "kubelet/kubelet.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "base/yaml.h"
#include "client/fake_api.h"
#include "net/testing.h"
#include "platform/process.h"
#include "platform/system.h"

namespace weir::kubelet {
namespace {

constexpr const char* kPods = "/api/v1/namespaces/default/pods";

// What a client got of a log.
class CollectingWriter final : public net::ResponseWriter {
 public:
  net::Task<Status> Send(net::HttpResponse response) override {
    status = response.status;
    body = std::move(response.body);
    co_return Status();
  }
  net::Task<Status> Begin(net::HttpResponse head) override {
    status = head.status;
    co_return Status();
  }
  net::Task<Status> Write(std::string chunk) override {
    body += chunk;
    if (on_write) on_write();
    if (!until.empty() && body.find(until) != std::string::npos) {
      co_return Fail(Code::kUnavailable, "read enough");
    }
    co_return Status();
  }
  net::Task<Status> End() override {
    ended = true;
    co_return Status();
  }
  bool closed() const override { return false; }
  void OnClose(std::function<void()>) override {}

  int status = 0;
  std::string body;
  bool ended = false;
  std::function<void()> on_write;
  std::string until;  // leaves when this has come
};

class KubeletTest : public testing::Test {
 protected:
  KubeletTest() {
    std::string name = (std::filesystem::temp_directory_path() / "weir-kubelet-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    options_.data_dir = folder_;
    options_.weir_path = platform::SelfPath();
    options_.bin_dir = "/usr/bin";
    // A network of this test process' own: several may run on one machine.
    options_.pod_network = "127." + std::to_string(128 + getpid() % 100) + ".0.0/16";
  }

  ~KubeletTest() override {
    net::RunTask(loop_, informers_.Stop());
    EXPECT_TRUE(platform::RemoveTree(folder_));
  }

  void Start() {
    kubelet_ = std::make_unique<Kubelet>(loop_, clock_, random_, client_, informers_, options_);
    const auto ok = kubelet_->Start();
    ASSERT_TRUE(ok) << ok.error().message;
    if (!std::exchange(started_, true)) informers_.Start();
  }
  void Stop() {
    net::RunTask(loop_, kubelet_->Stop());
    kubelet_.reset();
  }

  void Create(std::string_view yaml) {
    auto pod = ParseYamlDocument(yaml);
    ASSERT_TRUE(pod) << pod.error().message;
    api_.Put(kPods, *pod);
  }
  Json Pod(const std::string& name) { return api_.Get(std::string(kPods) + "/" + name); }
  bool Wait(std::function<bool()> condition) {
    return net::RunTask(loop_, api_.Until(std::move(condition)));
  }
  bool WaitPhase(const std::string& name, const std::string& phase) {
    return Wait([=, this] { return GetString(Pod(name), {"status", "phase"}) == phase; });
  }
  Json Status(const std::string& name, std::size_t container = 0) {
    const Json pod = Pod(name);
    const Json& list = GetArray(pod, {"status", "containerStatuses"});
    return container < list.size() ? list[container] : Json();
  }
  std::string Condition(const std::string& name, const std::string& type) {
    const Json pod = Pod(name);
    for (const Json& condition : GetArray(pod, {"status", "conditions"})) {
      if (GetString(condition, "type") == type) return GetString(condition, "status");
    }
    return {};
  }
  CollectingWriter Log(const std::string& name, const std::string& query = {}) {
    CollectingWriter writer;
    net::RunTask(loop_, kubelet_->ServeLog("default", name, query, writer));
    return writer;
  }
  // Until the pod has printed this.
  void WaitLog(const std::string& name, const std::string& text) {
    CollectingWriter writer;
    writer.until = text;
    net::RunTask(loop_, kubelet_->ServeLog("default", name, "follow=true", writer));
    EXPECT_NE(writer.body.find(text), std::string::npos);
  }
  // Until the kubelet has forgotten all pods.
  void WaitNoPods() {
    while (kubelet_->counters().pods > 0) net::RunTask(loop_, net::Yield());
    EXPECT_TRUE(std::filesystem::is_empty(folder_ + "/pods"));
  }
  // Whether there is an event of that reason whose message has this in it.
  bool HasEvent(const std::string& reason, const std::string& message) {
    for (const Json& event : api_.List("/api/v1/events")) {
      if (GetString(event, "reason") == reason &&
          GetString(event, "message").find(message) != std::string::npos) {
        return true;
      }
    }
    return false;
  }
  bool WaitEvent(const std::string& reason, const std::string& message) {
    return Wait([=, this] { return HasEvent(reason, message); });
  }
  void Delete(const std::string& name) {
    (void)net::RunTask(loop_, client_.Delete(client::refs::kPods, "default", name));
  }

  net::Loop loop_;
  platform::SystemClock clock_;
  env::SeededRandom random_{1};
  client::FakeApi api_{loop_};
  client::Client client_{api_, "test"};
  client::SharedInformers informers_{loop_, client_, random_};
  bool started_ = false;
  std::string folder_;
  Options options_;
  std::unique_ptr<Kubelet> kubelet_;
};

TEST_F(KubeletTest, RunsAPodToItsEnd) {
  Start();
  Create(R"(
metadata: {name: one}
spec:
  restartPolicy: Never
  containers:
  - name: main
    image: busybox
    command: [sh, -c]
    args: ['echo hello $(WHO) from $MY_NAME at $POD_IP; hostname; cat /etc/hosts; exit 3']
    env:
    - {name: WHO, value: world}
    - {name: MY_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
)");
  ASSERT_TRUE(WaitPhase("one", "Failed"));
  const Json pod = Pod("one");
  EXPECT_EQ(GetString(pod, {"spec", "nodeName"}), "weir");
  const std::string ip = GetString(pod, {"status", "podIP"});
  EXPECT_TRUE(ip.starts_with("127.")) << ip;
  const Json terminated = GetObject(Status("one"), {"state", "terminated"});
  EXPECT_EQ(GetInt(terminated, {"exitCode"}), 3);
  EXPECT_EQ(GetString(terminated, "reason"), "Error");
  const std::string log = Log("one").body;
  EXPECT_TRUE(log.starts_with("hello world from one at " + ip + "\none\n")) << log;
  EXPECT_NE(log.find(ip + "\tone\n"), std::string::npos) << log;
  for (const auto& [reason, message] : std::vector<std::pair<std::string, std::string>>{
           {"Scheduled", "Successfully assigned default/one to weir"},
           {"Pulled", "Container image \"busybox\" already present on machine"},
           {"Created", "Container created"},
           {"Started", "Container started"}}) {
    EXPECT_TRUE(WaitEvent(reason, message)) << reason;
  }
  Stop();
}

TEST_F(KubeletTest, RegistersItsNode) {
  Start();
  ASSERT_TRUE(Wait([&] { return !GetObject(api_.Get("/api/v1/nodes/weir"), {"status"}).empty(); }));
  const Json node = api_.Get("/api/v1/nodes/weir");
  EXPECT_EQ(GetString(node, {"status", "nodeInfo", "kubeletVersion"}), "v1.36.3");
  EXPECT_NE(GetString(node, {"status", "capacity", "cpu"}), "0");
  Stop();
}

TEST_F(KubeletTest, BecomesReadyByItsProbeAndServesOnItsAddress) {
  Start();
  Create(R"(
metadata: {name: web}
spec:
  containers:
  - name: main
    image: python
    command: [sh, -c, 'exec python3 -m http.server --bind $POD_IP 8080']
    ports: [{name: http, containerPort: 8080}]
    readinessProbe: {httpGet: {port: http, path: /}, periodSeconds: 60}
    livenessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}
)");
  ASSERT_TRUE(WaitPhase("web", "Running"));
  EXPECT_EQ(Condition("web", "PodScheduled"), "True");
  EXPECT_EQ(Condition("web", "Initialized"), "True");
  ASSERT_TRUE(Wait([&] { return Condition("web", "Ready") == "True"; }));
  EXPECT_TRUE(GetBool(Status("web"), {"ready"}, false));
  EXPECT_EQ(kubelet_->ReadUsage().size(), 1U);
  Delete("web");
  ASSERT_TRUE(Wait([&] { return Pod("web").is_null(); }));
  EXPECT_TRUE(WaitEvent("Killing", "Stopping container main"));
  Stop();
}

TEST_F(KubeletTest, RestartsACrashingContainerWithBackOff) {
  Start();
  Create(R"(
metadata: {name: crash}
spec:
  containers: [{name: main, image: busybox, command: [sh, -c, 'echo run; exit 1']}]
)");
  ASSERT_TRUE(Wait([&] {
    return GetString(Status("crash"), {"state", "waiting", "reason"}) == "CrashLoopBackOff";
  }));
  const Json status = Status("crash");
  EXPECT_EQ(GetInt(status, {"restartCount"}), 1);
  EXPECT_EQ(GetInt(status, {"lastState", "terminated", "exitCode"}), 1);
  EXPECT_EQ(GetString(Pod("crash"), {"status", "phase"}), "Running");
  EXPECT_TRUE(GetString(status, {"state", "waiting", "message"})
                  .starts_with("back-off 10s restarting failed container=main pod=crash_default("));
  EXPECT_TRUE(WaitEvent("BackOff", "Back-off restarting failed container main in pod crash_"));
  EXPECT_EQ(Log("crash").body, "run\n");
  EXPECT_EQ(Log("crash", "previous=true").body, "run\n");
  Stop();
}

TEST_F(KubeletTest, TellsWhatCannotRun) {
  const std::string file = folder_ + "/images.yaml";
  auto mine = Catalogue::Parse(
      "images: [{image: ghost, command: [no-such-program], package: ghost-server}, "
      "{image: spook, command: [no-such-program], setup: 'true', package: spook-server}]",
      file);
  ASSERT_TRUE(mine);
  options_.catalogue.PutBefore(*mine);
  Start();
  Create("metadata: {name: unknown}\nspec: {containers: [{name: main, image: 'acme/x:1'}]}");
  Create("metadata: {name: absent}\nspec: {containers: [{name: main, image: ghost}]}");
  Create(
      "metadata: {name: typo}\n"
      "spec: {containers: [{name: main, image: busybox, command: [no-such-program]}]}");
  Create(
      "metadata: {name: config}\n"
      "spec: {containers: [{name: main, image: busybox, command: [cat, /conf/key], "
      "env: [{name: A, valueFrom: {configMapKeyRef: {name: settings, key: a}}}]}]}");
  const auto waiting = [&](const std::string& name) {
    return GetString(Status(name), {"state", "waiting", "reason"});
  };
  ASSERT_TRUE(Wait([&] { return waiting("unknown") == "ErrImagePull"; }));
  EXPECT_EQ(GetString(Pod("unknown"), {"status", "phase"}), "Pending");
  EXPECT_TRUE(
      WaitEvent("Failed", "no local program stands for image \"acme/x:1\": add it to " + file));
  EXPECT_TRUE(WaitEvent("Failed", "install it with `sudo apt install ghost-server`"));
  Create("metadata: {name: hidden}\nspec: {containers: [{name: main, image: spook}]}");
  EXPECT_TRUE(WaitEvent("Failed", "install it with `sudo apt install spook-server`"));
  ASSERT_TRUE(Wait([&] { return waiting("unknown") == "ImagePullBackOff"; }));
  EXPECT_TRUE(WaitEvent("BackOff", "Back-off pulling image \"acme/x:1\""));
  ASSERT_TRUE(Wait([&] {
    return GetString(Status("typo"), {"lastState", "terminated", "reason"}) == "StartError";
  }));
  EXPECT_TRUE(WaitEvent("Failed", "exec: \"no-such-program\": executable file not found in $PATH"));
  ASSERT_TRUE(Wait([&] { return waiting("config") == "CreateContainerConfigError"; }));
  EXPECT_TRUE(WaitEvent("Failed", "configmap \"settings\" not found"));
  const std::string error = Log("unknown").body;
  EXPECT_NE(error.find("is waiting to start: trying and failing to pull image"), std::string::npos)
      << error;
  // The ConfigMap appears: the container starts without waiting for its turn.
  api_.Put("/api/v1/namespaces/default/configmaps",
           {{"metadata", {{"name", "settings"}}}, {"data", {{"a", "1"}}}});
  EXPECT_TRUE(Wait([&] { return GetInt(Status("config"), {"restartCount"}, 0) >= 1; }));
  Stop();
}

TEST_F(KubeletTest, MountsVolumesAndRunsInitContainersFirst) {
  api_.Put("/api/v1/namespaces/default/configmaps",
           {{"metadata", {{"name", "conf"}}}, {"data", {{"key", "from the map"}}}});
  api_.Put("/api/v1/namespaces/default/secrets",
           {{"metadata", {{"name", "pass"}}}, {"data", {{"word", "c2VjcmV0"}}}});
  Start();
  Create(R"(
metadata: {name: volumes}
spec:
  restartPolicy: Never
  volumes:
  - {name: conf, configMap: {name: conf}}
  - {name: pass, secret: {secretName: pass}}
  - {name: scratch, emptyDir: {}}
  initContainers:
  - name: first
    image: busybox
    command: [sh, -c, 'echo prepared >/scratch/file']
    volumeMounts: [{name: scratch, mountPath: /scratch}]
  containers:
  - name: main
    image: busybox
    command: [sh, -c, 'cat /scratch/file /etc/conf/key /etc/pass/word; echo; echo $PASS; pwd']
    workingDir: /usr
    env: [{name: PASS, valueFrom: {secretKeyRef: {name: pass, key: word}}}]
    volumeMounts:
    - {name: scratch, mountPath: /scratch}
    - {name: conf, mountPath: /etc/conf, readOnly: true}
    - {name: pass, mountPath: /etc/pass}
)");
  ASSERT_TRUE(WaitPhase("volumes", "Succeeded"));
  EXPECT_EQ(Log("volumes", "container=main").body, "prepared\nfrom the mapsecret\nsecret\n/usr\n");
  EXPECT_FALSE(std::filesystem::exists("/scratch"));
  Stop();
}

TEST_F(KubeletTest, EndsAPodThatIgnoresItsSignalAfterTheGracePeriod) {
  Start();
  Create(R"(
metadata: {name: stubborn}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: main, image: busybox, command: [sh, -c, 'trap "" TERM; echo up; sleep 1000']}]
)");
  ASSERT_TRUE(WaitPhase("stubborn", "Running"));
  WaitLog("stubborn", "up\n");
  const Duration before = clock_.Monotonic();
  Delete("stubborn");
  ASSERT_TRUE(Wait([&] { return Pod("stubborn").is_null(); }));
  const Duration took = clock_.Monotonic() - before;
  EXPECT_GE(took, std::chrono::milliseconds(900));
  EXPECT_LT(took, std::chrono::seconds(10));
  WaitNoPods();
  Stop();
}

TEST_F(KubeletTest, FollowsALogUntilTheContainerEnds) {
  Start();
  // The program stands at the gate until its follower opens it.
  Create(R"(
metadata: {name: talk}
spec:
  restartPolicy: Never
  containers:
  - name: main
    image: busybox
    command: [sh, -c]
    args: ['mkfifo gate; for i in 1 2 3; do echo line $i; done; read x <gate; echo bye; printf end']
)");
  ASSERT_TRUE(WaitPhase("talk", "Running"));
  WaitLog("talk", "line 3\n");
  const std::string gate = folder_ + "/pods/default_talk_" +
                           GetString(Pod("talk"), {"metadata", "uid"}) +
                           "/containers/main/data/gate";
  int gate_fd = -1;
  CollectingWriter writer;
  writer.on_write = [&] {
    if (gate_fd >= 0 || writer.body.find("line 3\n") == std::string::npos) return;
    gate_fd = open(gate.c_str(), O_RDWR | O_CLOEXEC);
    EXPECT_EQ(write(gate_fd, "go\n", 3), 3);
  };
  net::RunTask(loop_, kubelet_->ServeLog("default", "talk", "follow=true&tailLines=2", writer));
  close(gate_fd);
  EXPECT_EQ(writer.body, "line 2\nline 3\nbye\nend");
  EXPECT_TRUE(writer.ended);
  EXPECT_EQ(Log("talk", "tailLines=1&timestamps=true").body.substr(30), " end");
  EXPECT_EQ(Log("talk", "limitBytes=8").body, "line 1\nl");
  Stop();
}

TEST_F(KubeletTest, AnswersLogRequestsItCannotServe) {
  Start();
  Create(
      "metadata: {name: two}\n"
      "spec: {restartPolicy: Never, containers: [{name: a, image: busybox, command: ['true']}, "
      "{name: b, image: busybox, command: ['true']}]}");
  ASSERT_TRUE(WaitPhase("two", "Succeeded"));
  const struct {
    const char* pod;
    const char* query;
    int status;
    const char* message;
  } cases[] = {
      {"two", "", 400, "a container name must be specified for pod two, choose one of: [a b]"},
      {"two", "container=c", 400, "container c is not valid for pod two"},
      {"two", "container=a&previous=true", 400,
       "previous terminated container \"a\" in pod \"two\" not found"},
      {"two", "container=a&tailLines=-1", 422,
       "PodLogOptions \"two\" is invalid: tailLines: Invalid value: -1: must be greater than or "
       "equal to 0"},
      {"none", "", 404, "pods \"none\" not found"},
  };
  for (const auto& c : cases) {
    const CollectingWriter writer = Log(c.pod, c.query);
    EXPECT_EQ(writer.status, c.status) << c.query;
    EXPECT_EQ(GetString(ParseJson(writer.body).value_or(Json()), "message"), c.message);
  }
  EXPECT_EQ(Log("two", "container=a").status, 200);
  Stop();
}

TEST_F(KubeletTest, ProbesInsideTheContainerAndRestartsWhatIsUnhealthy) {
  Start();
  Create(R"(
metadata: {name: sick}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: main
    image: busybox
    command: [sh, -c, 'mkfifo healthy; exec sleep 1000']
    startupProbe: {exec: {command: [sh, -c, 'test -p healthy']}, periodSeconds: 1}
    livenessProbe:
      exec: {command: [sh, -c, 'echo no good; exit 1']}
      periodSeconds: 1
      failureThreshold: 1
)");
  ASSERT_TRUE(Wait([&] { return GetInt(Status("sick"), {"restartCount"}, 0) == 1; }));
  EXPECT_TRUE(WaitEvent("Unhealthy", "Liveness probe failed: no good"));
  EXPECT_TRUE(WaitEvent("Killing", "Container main failed liveness probe, will be restarted"));
  kubelet_->Kill();
  Stop();
}

TEST_F(KubeletTest, RunsItsPreStopHook) {
  Start();
  Create(R"(
metadata: {name: hook}
spec:
  containers:
  - name: main
    image: busybox
    command: [sh, -c, 'trap "cat said; exit 0" TERM; echo up; sleep 1000 & wait']
    lifecycle: {preStop: {exec: {command: [sh, -c, 'echo goodbye >said']}}}
)");
  ASSERT_TRUE(WaitPhase("hook", "Running"));
  ASSERT_TRUE(Wait([&] { return Condition("hook", "Ready") == "True"; }));
  CollectingWriter writer;
  writer.on_write = [&] {
    if (writer.body == "up\n") api_.MarkDeleted(std::string(kPods) + "/hook", 30);
  };
  net::RunTask(loop_, kubelet_->ServeLog("default", "hook", "follow=true", writer));
  EXPECT_EQ(writer.body, "up\ngoodbye\n");
  Stop();
}

TEST_F(KubeletTest, KillsWhatWasRemovedByForce) {
  Start();
  Create(
      "metadata: {name: force}\nspec: {containers: [{name: main, image: busybox, "
      "command: [sh, -c, 'trap \"\" TERM; echo up; sleep 1000']}]}");
  ASSERT_TRUE(WaitPhase("force", "Running"));
  WaitLog("force", "up\n");
  api_.Remove(std::string(kPods) + "/force");
  WaitNoPods();
  Stop();
}

TEST_F(KubeletTest, GoesOnWhenTheApiComesBack) {
  Start();
  Create(
      "metadata: {name: before}\nspec: {containers: [{name: main, image: busybox, "
      "command: [sleep, '1000']}]}");
  ASSERT_TRUE(WaitPhase("before", "Running"));
  api_.SetDown(true);
  Create(
      "metadata: {name: after}\nspec: {containers: [{name: main, image: busybox, "
      "command: [sleep, '1000']}]}");
  ASSERT_TRUE(Wait([&] { return api_.requests() > 0; }));
  api_.SetDown(false);
  ASSERT_TRUE(WaitPhase("after", "Running"));
  EXPECT_EQ(GetInt(Status("before"), {"restartCount"}, -1), 0);
  kubelet_->Kill();
  Stop();
}

TEST_F(KubeletTest, TellsOfAProgramOnAllAddresses) {
  Start();
  Create(
      "metadata: {name: wide}\nspec: {containers: [{name: main, image: busybox, command: "
      "[python3, -c, 'import socket, time; s = socket.socket(); s.bind((\"0.0.0.0\", 0)); "
      "s.listen(); time.sleep(1000)']}]}");
  EXPECT_TRUE(WaitEvent("ListensOnAllAddresses", "Container main listens on all addresses, port "));
  kubelet_->Kill();
  Stop();
}

TEST_F(KubeletTest, RewritesTheHostsFileOfRunningPods) {
  Start();
  Create(R"(
metadata: {name: names}
spec:
  restartPolicy: Never
  containers:
  - name: main
    image: busybox
    command: [sh, -c]
    args: ['echo up; until getent hosts db.default.svc.cluster.local; do :; done; getent hosts db']
)");
  ASSERT_TRUE(WaitPhase("names", "Running"));
  api_.Put("/api/v1/namespaces/default/services",
           {{"metadata", {{"name", "db"}}}, {"spec", {{"clusterIP", "127.96.0.9"}}}});
  ASSERT_TRUE(WaitPhase("names", "Succeeded"));
  const std::string log = Log("names").body;
  EXPECT_NE(log.find("127.96.0.9"), std::string::npos) << log;
  Stop();
}

TEST_F(KubeletTest, RunsPodsAgainAfterItsOwnRestart) {
  Start();
  Create(
      "metadata: {name: again}\n"
      "spec: {terminationGracePeriodSeconds: 1, containers: [{name: main, image: busybox, "
      "command: [sh, -c, 'echo up; sleep 1000']}]}");
  ASSERT_TRUE(WaitPhase("again", "Running"));
  const std::string ip = GetString(Pod("again"), {"status", "podIP"});
  const std::string uid = GetString(Pod("again"), {"metadata", "uid"});
  Stop();
  EXPECT_EQ(GetString(Status("again"), {"state", "running", "startedAt"}).empty(), false);
  Start();
  Create(
      "metadata: {name: other}\n"
      "spec: {containers: [{name: main, image: busybox, command: [sleep, '1000']}]}");
  ASSERT_TRUE(Wait([&] { return GetInt(Status("again"), {"restartCount"}, 0) == 1; }));
  ASSERT_TRUE(WaitPhase("other", "Running"));
  EXPECT_EQ(GetString(Pod("again"), {"metadata", "uid"}), uid);
  EXPECT_EQ(GetString(Pod("again"), {"status", "podIP"}), ip);
  EXPECT_NE(GetString(Pod("other"), {"status", "podIP"}), ip);
  EXPECT_EQ(GetString(Status("again"), {"lastState", "terminated", "reason"}), "Unknown");
  kubelet_->Kill();
  Stop();
}

}  // namespace
}  // namespace weir::kubelet

// The init of the pods under test is this program itself.
int main(int argc, char** argv) {
  if (weir::platform::IsPodInit(argc, argv)) return weir::platform::PodInitMain(argc, argv);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
