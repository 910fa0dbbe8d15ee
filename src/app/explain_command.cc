#include "app/explain_command.h"

#include <fmt/core.h>

#include <filesystem>
#include <memory>
#include <utility>

#include "app/explain_plan.h"
#include "autoscale/explain.h"
#include "base/strings.h"
#include "client/client.h"
#include "controllers/decision_plan.h"
#include "platform/system.h"

namespace weir::app {
namespace {

std::string KubeconfigPath(const ExplainOptions& options) {
  if (!options.kubeconfig.empty()) return options.kubeconfig;
  // Of several files the first, which has the current context.
  const std::string named = platform::GetEnv("KUBECONFIG");
  if (!named.empty()) return Split(named, ':').front();
  return platform::GetEnv("HOME") + "/.kube/config";
}

Result<client::ClusterAccess> ReadAccess(const std::string& path) {
  platform::SystemFileSystem files;
  const Result<std::string> text = files.Read(path);
  if (!text) return std::unexpected(text.error());
  return client::ParseKubeconfig(*text, std::filesystem::path(path).parent_path().string(),
                                 [&](const std::string& file) { return files.Read(file); });
}

// Why there is no list of decisions, or nothing in it.
net::Task<Error> NoDecision(client::Client* client, std::string ns, std::string name, Error error) {
  if (error.code != Code::kNotFound) co_return error;
  const Result<Json> hpa = co_await client->Get(client::refs::kHpas, ns, name);
  if (!hpa) co_return hpa.error();
  co_return error;
}

net::Task<Result<Json>> FindDecision(client::Client* client, std::string ns, std::string name,
                                     std::optional<Time> at) {
  const client::ResourceRef decisions{"weir.dev", "v1alpha1", "decisions"};
  client::ListOptions select;
  select.label_selector = "weir.dev/hpa=" + controllers::DecisionLabel(name);
  Result<Json> list = co_await client->List(decisions, ns, select);
  if (!list && list.error().code == Code::kNotFound) {
    list = Fail(Code::kNotFound,
                "this cluster keeps no decisions: Weir's own controller does, but under "
                "--upstream-exact");
  }
  Result<Json> decision = list ? ChooseDecision(*list, name, at) : list;
  if (decision) co_return decision;
  Error error = co_await NoDecision(client, ns, name, decision.error());
  co_return std::unexpected(std::move(error));
}

net::Task<void> Ask(net::Loop* loop, client::Client* client, std::string ns, std::string name,
                    std::optional<Time> at, Result<Json>* answer) {
  *answer = co_await FindDecision(client, std::move(ns), std::move(name), at);
  loop->Stop();
}

Result<std::optional<Time>> AskedTime(const ExplainOptions& options) {
  if (options.at.empty()) return std::optional<Time>();
  const Result<Time> when = ParseWhen(options.at, platform::SystemClock().Now());
  if (!when) return Prefixed("--at", when.error());
  return std::optional<Time>(*when);
}

Result<Json> Answer(const ExplainOptions& options, std::optional<Time> at) {
  const Result<std::string> name = HpaName(options.what);
  if (!name) return std::unexpected(name.error());
  const Result<client::ClusterAccess> access = ReadAccess(KubeconfigPath(options));
  if (!access) return std::unexpected(access.error());
  net::Loop loop;
  auto transport = client::MakeHttpTransport(loop, *access);
  if (!transport) return std::unexpected(transport.error());
  client::Client client(**transport, "weir-explain");
  Result<Json> answer = Json();
  net::TaskGroup tasks(loop, "explain");
  tasks.Spawn(Ask(&loop, &client, options.ns.empty() ? access->default_namespace : options.ns,
                  *name, at, &answer));
  loop.Run();
  return answer;
}

}  // namespace

int RunExplain(const ExplainOptions& options) {
  const Result<std::optional<Time>> at = AskedTime(options);
  const Result<Json> decision =
      at ? Answer(options, *at) : Result<Json>(std::unexpected(at.error()));
  if (!decision) {
    fmt::print(stderr, "weir explain: {}\n", decision.error().message);
    return 1;
  }
  if (options.json) {
    fmt::print("{}\n", DumpJson(*decision, 4));
  } else {
    fmt::print("{}{}{}", AgeNote(*decision, *at), autoscale::Explain(*decision),
               ReplayNote(*decision, options));
  }
  return 0;
}

}  // namespace weir::app
