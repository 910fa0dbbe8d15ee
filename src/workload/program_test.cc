#include "workload/program.h"

#include <gtest/gtest.h>
#include <prometheus/counter.h>

#include "env/clock.h"
#include "net/testing.h"

namespace weir::workload {
namespace {

net::HttpRequest Ask(std::string method, std::string target) {
  net::HttpRequest request;
  request.method = std::move(method);
  request.target = std::move(target);
  return request;
}

TEST(StatusPage, ServesMetricsAndHealthAlone) {
  prometheus::Registry registry;
  prometheus::BuildCounter().Name("n").Register(registry).Add({}).Increment(3);
  const auto page = StatusPage(Ask("GET", "/metrics?x=1"), registry);
  ASSERT_TRUE(page);
  EXPECT_NE(page->body.find("\nn 3\n"), std::string::npos) << page->body;
  EXPECT_EQ(StatusPage(Ask("GET", "/healthz"), registry)->body, "ok\n");
  EXPECT_EQ(StatusPage(Ask("POST", "/metrics"), registry)->status, 405);
  EXPECT_FALSE(StatusPage(Ask("GET", "/"), registry));
}

TEST(Options, NameWhatIsWrong) {
  EXPECT_EQ(ListenOption("--http", ":80")->port, 80);
  EXPECT_TRUE(ListenOption("--http", "80").error().message.starts_with("--http: "));
  EXPECT_EQ(*DurationOption("--per-msg", "250ms"), std::chrono::milliseconds(250));
  for (const char* text : {"-1s", "5", ""}) {
    EXPECT_TRUE(DurationOption("--per-msg", text).error().message.starts_with("--per-msg: "));
  }
  EXPECT_EQ(EnvOr("WEIR_NO_SUCH_VARIABLE", "x"), "x");
}

}  // namespace
}  // namespace weir::workload
