#include "exporters/redis_exporter.h"

#include <gtest/gtest.h>

#include <map>

#include "brokers/testing.h"
#include "exporters/redis_page_plan.h"
#include "exposition/parser.h"
#include "exposition/writer.h"
#include "net/testing.h"

namespace weir::exporters {
namespace {

using net::RunTask;
using Variables = std::map<std::string, std::string>;

Result<RedisExporterOptions> Parse(std::vector<std::string> arguments, Variables variables = {}) {
  return ParseRedisExporterOptions(arguments, [&variables](const char* name) {
    const auto it = variables.find(name);
    return it == variables.end() ? std::string() : it->second;
  });
}

TEST(RedisExporterOptions, DefaultsAndPodAddress) {
  const auto options = Parse({});
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(options->redis.host, "localhost");
  EXPECT_EQ(options->listen.address, "127.0.0.1");
  EXPECT_EQ(options->listen.port, 9121);
  EXPECT_EQ(Parse({}, {{"POD_IP", "127.4.5.6"}})->listen.address, "127.4.5.6");
  EXPECT_EQ(Parse({"--web.listen-address", "0.0.0.0:1"}, {{"POD_IP", "127.4.5.6"}})->listen.address,
            "0.0.0.0");
}

TEST(RedisExporterOptions, FlagsWinOverVariablesInEveryForm) {
  const Variables variables = {{"REDIS_ADDR", "redis://master:7000"},
                               {"REDIS_PASSWORD", "secret"},
                               {"REDIS_EXPORTER_CHECK_SINGLE_KEYS", "jobs,db3=other"},
                               {"REDIS_EXPORTER_CHECK_KEYS", "jobs:processing:*"}};
  const auto by_variables = Parse({}, variables);
  ASSERT_TRUE(by_variables);
  EXPECT_EQ(by_variables->redis.host, "master");
  EXPECT_EQ(by_variables->redis.password, "secret");
  EXPECT_EQ(by_variables->single_keys, (std::vector<RedisKey>{{0, "jobs"}, {3, "other"}}));
  EXPECT_EQ(by_variables->key_patterns, (std::vector<RedisKey>{{0, "jobs:processing:*"}}));
  const std::vector<std::vector<std::string>> forms = {
      {"--redis.addr", "h:1", "--zero-when-absent"},
      {"-redis.addr", "h:1", "-zero-when-absent"},
      {"--redis.addr=h:1", "--zero-when-absent=1"}};
  for (const auto& form : forms) {
    const auto options = Parse(form, variables);
    ASSERT_TRUE(options);
    EXPECT_EQ(options->redis.host, "h");
    EXPECT_TRUE(options->zero_when_absent);
    EXPECT_EQ(options->redis.password, "secret");
  }
  EXPECT_TRUE(Parse({"--help"})->help);
}

TEST(RedisExporterOptions, ErrorsNameTheFlag) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"--nope"}, "--nope"},
      {{"stray"}, "stray"},
      {{"--redis.addr"}, "--redis.addr"},
      {{"--redis.addr", "rediss://h"}, "TLS"},
      {{"--check-keys", "a=b=c"}, "--check-keys"},
      {{"--check-single-keys", "dbx=c"}, "dbN=key"},
      {{"--check-single-keys", "a,,b"}, "dbN=key"},
      {{"--check-single-keys", "%zz"}, "%zz"},
      {{"--web.listen-address", "9121"}, "--web.listen-address"},
      {{"--zero-when-absent=maybe"}, "maybe"},
      {{"--connection-timeout", "soon"}, "--connection-timeout"},
      {{"--web.telemetry-path", "metrics"}, "--web.telemetry-path"},
  };
  for (const auto& [arguments, want] : cases) {
    const auto options = Parse(arguments);
    ASSERT_FALSE(options) << arguments[0];
    EXPECT_NE(options.error().message.find(want), std::string::npos) << options.error().message;
  }
}

TEST(ParseRedisKeys, DecodesAsRedisExporterDoes) {
  EXPECT_EQ(ParseRedisKeys("").value(), std::vector<RedisKey>());
  EXPECT_EQ(ParseRedisKeys(" db2=a%2Cb , c+d,7=e").value(),
            (std::vector<RedisKey>{{2, "a,b"}, {0, "c d"}, {7, "e"}}));
}

// The page's samples by their text form.
std::map<std::string, double> Samples(const std::string& text) {
  std::map<std::string, double> samples;
  const auto page = exposition::Parse(text, exposition::kTextContentType);
  EXPECT_TRUE(page) << page.error().message << "\n" << text;
  if (!page) return samples;
  for (const auto& sample : page->samples) samples[sample.labels.ToString()] = sample.value;
  return samples;
}

TEST(RedisPage, TellsWhatIsKnownAndNothingElse) {
  RedisExporterOptions options;
  options.single_keys = {{0, "jobs"}, {1, "b"}};
  RedisFindings findings;
  findings.sizes = {{{0, "jobs"}, 3}, {{0, "a\"b\\\n"}, 1}, {{0, "empty"}, 0}, {{1, "\xff"}, 5}};
  auto samples = Samples(RedisPage(findings, options, 7));
  EXPECT_EQ(samples,
            (std::map<std::string, double>{{"redis_up", 1},
                                           {"redis_exporter_last_scrape_error", 0},
                                           {"redis_exporter_scrapes_total", 7},
                                           {R"(redis_key_size{db="db0",key="jobs"})", 3},
                                           {R"(redis_key_size{db="db0",key="a\"b\\\n"})", 1}}));
  options.zero_when_absent = true;
  samples = Samples(RedisPage(findings, options, 8));
  EXPECT_EQ(samples.at(R"(redis_key_size{db="db1",key="b"})"), 0);
  EXPECT_EQ(samples.at(R"(redis_key_size{db="db0",key="jobs"})"), 3);
  EXPECT_EQ(samples.size(), 6U);
  findings.error = Error{Code::kUnavailable, "redis h:1: no \"answer\""};
  samples = Samples(RedisPage(findings, options, 9));
  EXPECT_EQ(samples.at("redis_up"), 0);
  EXPECT_EQ(samples.at(R"(redis_exporter_last_scrape_error{err="redis h:1: no \"answer\""})"), 1);
  EXPECT_EQ(samples.size(), 3U) << "unknown is not zero";
}

class RedisExporterTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(server_.running()); }
  void Run(std::vector<std::vector<std::string>> commands, int database = 0) {
    brokers::RedisOptions options = server_.options();
    options.database = database;
    brokers::Redis redis(loop_, options);
    for (auto& command : commands) {
      const auto reply = RunTask(loop_, redis.Do(command));
      ASSERT_TRUE(reply) << reply.error().message;
    }
  }
  net::Loop loop_;
  brokers::RedisServer server_{loop_};
};

TEST_F(RedisExporterTest, MeasuresKeysOfEveryTypeAndPatternAndTellsWhenRedisIsAway) {
  Run({{"RPUSH", "jobs", "a", "b"},
       {"RPUSH", "jobs:processing:x", "c"},
       {"RPUSH", "jobs:processing:y", "d", "e", "f"},
       {"SADD", "set", "1", "2"},
       {"ZADD", "zset", "1", "a"},
       {"HSET", "hash", "f", "v"},
       {"XADD", "stream", "*", "f", "v"},
       {"SET", "string", "12345"},
       {"RPUSH", "unasked", "x"}});
  Run({{"RPUSH", "other", "1", "2", "3", "4"}}, 3);
  auto options = Parse({"--redis.addr", server_.address(), "--check-single-keys",
                        "jobs,set,zset,hash,stream,string,absent,db3=other", "--check-keys",
                        "jobs:processing:*", "--web.listen-address", ":0"});
  ASSERT_TRUE(options) << options.error().message;
  RedisExporter exporter(loop_, *options);
  ASSERT_TRUE(exporter.Start());
  net::HttpClient client(loop_);
  net::Endpoint endpoint;
  endpoint.host = "127.0.0.1";
  endpoint.port = exporter.port();
  const auto get = [&](std::string path, std::string method = "GET") {
    net::HttpRequest request;
    request.method = std::move(method);
    request.target = std::move(path);
    return RunTask(loop_, client.Do(endpoint, request, std::chrono::seconds(20))).value();
  };
  const auto key = [](const std::string& database, const std::string& name) {
    return "redis_key_size{db=\"db" + database + "\",key=\"" + name + "\"}";
  };
  const net::HttpResponse page = get("/metrics");
  EXPECT_EQ(page.Header("content-type"), exposition::kTextContentType);
  EXPECT_EQ(Samples(page.body),
            (std::map<std::string, double>{{"redis_up", 1},
                                           {"redis_exporter_last_scrape_error", 0},
                                           {"redis_exporter_scrapes_total", 1},
                                           {key("0", "jobs"), 2},
                                           {key("0", "jobs:processing:x"), 1},
                                           {key("0", "jobs:processing:y"), 3},
                                           {key("0", "set"), 2},
                                           {key("0", "zset"), 1},
                                           {key("0", "hash"), 1},
                                           {key("0", "stream"), 1},
                                           {key("0", "string"), 5},
                                           {key("3", "other"), 4}}));
  Run({{"DEL", "jobs"}});
  EXPECT_FALSE(Samples(get("/metrics").body).contains(key("0", "jobs")));
  server_.Kill();
  const auto down = Samples(get("/metrics").body);
  EXPECT_EQ(down.at("redis_up"), 0);
  EXPECT_EQ(down.size(), 3U);
  server_.Start();
  EXPECT_EQ(Samples(get("/metrics").body).at("redis_up"), 1);
  EXPECT_EQ(get("/health").body, "ok\n");
  EXPECT_EQ(get("/").status, 200);
  EXPECT_EQ(get("/nope").status, 404);
  EXPECT_EQ(get("/metrics", "POST").status, 405);
  RunTask(loop_, exporter.Stop(Duration::zero()));
}

TEST_F(RedisExporterTest, AsksEvenWithoutKeysAndTellsRefusedCredentials) {
  auto options = Parse({"--redis.addr", server_.address()});
  RedisExporter bare(loop_, *options);
  EXPECT_EQ(Samples(RunTask(loop_, bare.Page())).at("redis_up"), 1);
  options->redis.password = "wrong";
  RedisExporter refused(loop_, *options);
  EXPECT_EQ(Samples(RunTask(loop_, refused.Page())).at("redis_up"), 0);
}

}  // namespace
}  // namespace weir::exporters
