#include "controllers/hpa_index.h"

#include <gtest/gtest.h>

namespace weir::controllers {
namespace {

client::ObjectPtr PodOf(std::string_view ns, std::string_view name, Json labels,
                        std::string_view phase = "Running") {
  Json pod;
  pod["metadata"] = {{"namespace", ns}, {"name", name}, {"labels", std::move(labels)}};
  pod["status"] = {{"phase", phase}};
  return std::make_shared<const Json>(std::move(pod));
}

kube::LabelSelector Selector(std::string_view text) {
  const Result<kube::LabelSelector> selector = kube::LabelSelector::Parse(text);
  EXPECT_TRUE(selector) << text;
  return selector.value_or(kube::LabelSelector::Nothing());
}

std::string Names(const std::vector<autoscale::PodPtr>& pods) {
  std::string names;
  for (const autoscale::PodPtr& pod : pods) names += pod->name + " ";
  return names;
}

TEST(PodIndex, FindsWhatTheSelectorMatches) {
  PodIndex index;
  index.Apply(nullptr, PodOf("shop", "c", {{"app", "web"}, {"tier", "1"}}));
  index.Apply(nullptr, PodOf("shop", "a", {{"app", "web"}}));
  index.Apply(nullptr, PodOf("shop", "b", {{"app", "db"}}));
  index.Apply(nullptr, PodOf("shop", "d", nullptr));
  index.Apply(nullptr, PodOf("other", "e", {{"app", "web"}}));
  const struct {
    std::string selector;
    std::string names;
  } kCases[] = {
      {"app=web", "a c "},
      {"app in (web,db)", "a b c "},
      {"app=web,tier=1", "c "},
      {"app!=web", "b d "},
      {"!app", "d "},
      {"app=none", ""},
      {"app notin (db)", "a c d "},
      {"tier", "c "},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(Names(index.Find("shop", Selector(c.selector))), c.names) << c.selector;
  }
  EXPECT_EQ(Names(index.Find("nowhere", Selector("app=web"))), "");
  EXPECT_EQ(Names(index.Find("shop", kube::LabelSelector::Nothing())), "");
}

TEST(PodIndex, FollowsChangesAndDeletions) {
  PodIndex index;
  const client::ObjectPtr first = PodOf("shop", "a", {{"app", "web"}}, "Pending");
  const client::ObjectPtr second = PodOf("shop", "a", {{"app", "db"}});
  index.Apply(nullptr, first);
  EXPECT_EQ(index.Find("shop", Selector("app=web")).at(0)->phase, "Pending");
  index.Apply(first, second);
  EXPECT_EQ(Names(index.Find("shop", Selector("app=web"))), "");
  EXPECT_EQ(index.Find("shop", Selector("app=db")).at(0)->phase, "Running");
  index.Apply(second, nullptr);
  EXPECT_EQ(Names(index.Find("shop", Selector("app=db"))), "");
}

TEST(SelectorIndex, FindsTheAutoscalersOfAPod) {
  SelectorIndex index;
  index.Set("shop/one", Selector("app=web"));
  index.Set("shop/two", Selector("app in (web,db),tier=1"));
  index.Set("shop/three", Selector("app!=web"));
  index.Set("shop/four", kube::LabelSelector::Nothing());
  index.Set("other/five", Selector("app=web"));
  const struct {
    Json labels;
    std::set<std::string> hpas;
  } kCases[] = {
      {{{"app", "web"}}, {"shop/one"}},
      {{{"app", "web"}, {"tier", "1"}}, {"shop/one", "shop/two"}},
      {{{"app", "db"}, {"tier", "1"}}, {"shop/three", "shop/two"}},
      {Json::object(), {"shop/three"}},
  };
  for (const auto& c : kCases) EXPECT_EQ(index.Matching("shop", c.labels), c.hpas) << c.labels;
}

TEST(SelectorIndex, ForgetsTheSelectorBefore) {
  SelectorIndex index;
  index.Set("shop/one", Selector("app=web"));
  index.Set("shop/one", Selector("app=db"));
  EXPECT_TRUE(index.Matching("shop", {{"app", "web"}}).empty());
  EXPECT_EQ(index.Find("shop/one")->ToString(), "app=db");
  index.Remove("shop/one");
  index.Remove("shop/one");
  EXPECT_TRUE(index.Matching("shop", {{"app", "db"}}).empty());
  EXPECT_EQ(index.Find("shop/one"), nullptr);
}

TEST(MetricReaders, AreThoseThatAChangeConcerns) {
  using autoscale::MetricsApi;
  MetricReaders readers;
  const MetricRef queue{MetricsApi::kExternal, "queue", ""};
  const MetricRef rate{MetricsApi::kCustom, "rate", "services"};
  readers.Set("shop/b", {.metrics = {queue, queue}, .pods = false});
  readers.Set("shop/a", {.metrics = {rate, queue}, .pods = true});
  EXPECT_EQ(readers.Of(queue), (std::vector<std::string>{"shop/a", "shop/b"}));
  EXPECT_EQ(readers.Of({MetricsApi::kCustom, "rate", ""}), (std::vector<std::string>{"shop/a"}));
  EXPECT_TRUE(readers.Of({MetricsApi::kCustom, "rate", "pods"}).empty());
  EXPECT_TRUE(readers.ReadsPods("shop/a"));
  EXPECT_FALSE(readers.ReadsPods("shop/b"));
  EXPECT_FALSE(readers.ReadsPods("shop/c"));
  readers.Set("shop/a", {.metrics = {rate}, .pods = false});
  readers.Remove("shop/b");
  EXPECT_TRUE(readers.Of(queue).empty());
  EXPECT_EQ(readers.Of(rate), (std::vector<std::string>{"shop/a"}));
}

TEST(Look, SeesEveryChange) {
  PodIndex pods;
  SelectorIndex selectors;
  PodsSeen seen;
  const auto look = [&](const std::string& selector) {
    Look(pods, selectors, "shop/a", selector, seen);
    std::string found = Names(seen.pods);
    for (const autoscale::Neighbour& other : seen.neighbours) found += "+" + other.name;
    return found;
  };
  EXPECT_EQ(look("app=web"), "");
  const client::ObjectPtr p = PodOf("shop", "p", {{"app", "web"}});
  pods.Apply(nullptr, p);
  EXPECT_EQ(look("app=web"), "p ");
  selectors.Set("shop/b", Selector("app"));
  EXPECT_EQ(look("app=web"), "p +b");
  EXPECT_EQ(look("app=db"), "");
  EXPECT_EQ(look("app=web"), "p +b");
  selectors.Remove("shop/b");
  EXPECT_EQ(look("app=web"), "p ");
  pods.Apply(p, nullptr);
  EXPECT_EQ(look("app=web"), "");
  pods.Apply(nullptr, PodOf("shop", "q", {{"app", "web"}}));
  EXPECT_EQ(look("app=web"), "q ");
  EXPECT_EQ(look("app in"), "");
  EXPECT_TRUE(seen.selector.nothing());
}

}  // namespace
}  // namespace weir::controllers
