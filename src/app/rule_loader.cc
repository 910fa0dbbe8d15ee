#include "app/rule_loader.h"

#include <spdlog/spdlog.h>

#include "rules/rule.h"

namespace weir::app {

RuleLoader::RuleLoader(net::Loop& loop, env::Clock& clock, env::Random& random,
                       client::Client& client, client::SharedInformers& informers,
                       engine::Engine& engine)
    : group_(loop, "rules"), engine_(engine), events_(client, group_, clock, random, "weir-rules") {
  client::Informer& objects = informers.Get(client::refs::kPrometheusRules);
  listening_ =
      objects.AddListener([this](const client::ObjectPtr& before, const client::ObjectPtr& after) {
        Changed(before, after);
      });
}

net::Task<void> RuleLoader::Stop() {
  listening_ = {};
  co_await group_.Stop();
}

// A refused object keeps the groups that it had before: a typo must not end what works.
void RuleLoader::Changed(const client::ObjectPtr& before, const client::ObjectPtr& after) {
  if (!after) {
    engine_.SetGroups(client::KeyOf(*before), {});
    return;
  }
  const std::string key = client::KeyOf(*after);
  auto groups = rules::ParseGroups(GetObject(*after, {"spec"}));
  if (!groups) {
    spdlog::warn("PrometheusRule {}: {}", key, groups.error().message);
    events_.Record(*after, "Warning", "InvalidRule", groups.error().message);
    return;
  }
  engine_.SetGroups(key, std::move(*groups));
}

}  // namespace weir::app
