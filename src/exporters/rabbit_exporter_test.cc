#include "exporters/rabbit_exporter.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "brokers/rabbit_testing.h"
#include "exporters/rabbit_page_plan.h"
#include "exposition/parser.h"
#include "exposition/writer.h"
#include "net/testing.h"

namespace weir::exporters {
namespace {

using net::RunTask;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Variables = std::map<std::string, std::string>;

Result<RabbitExporterOptions> Parse(const Variables& variables, const Variables& files = {}) {
  return ParseRabbitExporterOptions({[&variables](const char* name) {
                                       const auto it = variables.find(name);
                                       return it == variables.end() ? std::string() : it->second;
                                     },
                                     [&files](const std::string& path) -> Result<std::string> {
                                       const auto it = files.find(path);
                                       if (it == files.end())
                                         return Fail(Code::kNotFound, path + ": no such file");
                                       return it->second;
                                     }});
}

TEST(RabbitExporterOptions, TakesTheImagesVariables) {
  const auto defaults = Parse({});
  ASSERT_TRUE(defaults);
  EXPECT_EQ(defaults->management.port, 15672);
  EXPECT_EQ(defaults->amqp_port, 5672);
  EXPECT_FALSE(defaults->amqp_tls || defaults->management.tls);
  EXPECT_EQ(defaults->user, "guest");
  EXPECT_EQ(defaults->password, "guest");
  EXPECT_EQ(defaults->listen.port, 9419);
  EXPECT_EQ(defaults->listen.address, "127.0.0.1");
  EXPECT_EQ(defaults->notices, std::vector<std::string>());
  const auto options = Parse({{"RABBIT_URL", "http://rabbit-mq:1234/base/"},
                              {"RABBIT_USER", "me"},
                              {"RABBIT_CONNECTION", "loadbalancer"},
                              {"RABBIT_CAPABILITIES", "compat"},
                              {"INCLUDE_QUEUES", "^Orders$"},
                              {"EXCLUDE_METRICS", "messages_ready, message_stats.ack"},
                              {"LOG_LEVEL", "Warning"},
                              {"OUTPUT_FORMAT", "JSON"},
                              {"POD_IP", "127.4.5.6"},
                              {"PUBLISH_PORT", "9090"}});
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(options->management.host, "rabbit-mq");
  EXPECT_EQ(options->management_path, "/base");
  EXPECT_EQ(options->amqp_host, "rabbit-mq");
  EXPECT_EQ(options->user, "me");
  EXPECT_TRUE(options->loadbalancer);
  EXPECT_FALSE(options->no_sort);
  EXPECT_EQ(options->listen.address, "127.4.5.6");
  EXPECT_EQ(options->include_queues, "^Orders$");
  EXPECT_EQ(options->exclude_metrics,
            (std::set<std::string>{"messages_ready", "message_stats.ack"}));
  EXPECT_EQ(options->log_level, "warning");
  EXPECT_TRUE(options->log_json);
  EXPECT_EQ(options->notices, std::vector<std::string>());
}

TEST(RabbitExporterOptions, RefusesByTheVariablesName) {
  const std::pair<const char*, const char*> wrong[] = {
      {"RABBIT_URL", "ftp://h:1"},       {"RABBIT_URL", "rabbit"},
      {"RABBIT_AMQP_PORT", "0"},         {"RABBIT_AMQP_TLS", "maybe"},
      {"RABBIT_CONNECTION", "sideways"}, {"RABBIT_EXPORTERS", "node,exchange"},
      {"RABBIT_USER_FILE", "/none"},     {"RABBIT_PASSWORD_FILE", "/none"},
      {"INCLUDE_QUEUES", "(["},          {"SKIP_VHOST", "*"},
      {"RABBIT_TIMEOUT", "soon"},        {"MAX_QUEUES", "-1"},
      {"SKIPVERIFY", "perhaps"},         {"LOG_LEVEL", "loud"},
      {"OUTPUT_FORMAT", "XML"},          {"PUBLISH_PORT", "99999"},
      {"PUBLISH_ADDR", "nowhere"}};
  for (const auto& [name, value] : wrong) {
    const auto refused = Parse({{name, value}});
    ASSERT_FALSE(refused) << name;
    EXPECT_TRUE(refused.error().message.starts_with(name)) << refused.error().message;
    EXPECT_NE(RabbitExporterUsage().find(name), std::string::npos);
  }
  // The image would take nothing from the variables.
  for (const char* path : {"conf/rabbitmq.conf", "/conf/rabbitmq.conf"}) {
    const auto refused = Parse({}, {{path, "{}"}});
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find("environment variables"), std::string::npos);
  }
}

TEST(RabbitExporterOptions, NotesWhatHasNoEffect) {
  const std::pair<const char*, const char*> idle[] = {{"RABBIT_EXPORTERS", "exchange,queue"},
                                                      {"RABBIT_CAPABILITIES", "bert,no_sort"},
                                                      {"INCLUDE_EXCHANGES", "a"},
                                                      {"SKIP_EXCHANGES", "a"},
                                                      {"ALIVENESS_VHOST", "/"}};
  for (const auto& [name, value] : idle) {
    const auto options = Parse({{name, value}});
    ASSERT_TRUE(options) << name;
    ASSERT_EQ(options->notices.size(), 1U) << name;
    EXPECT_TRUE(options->notices[0].starts_with(name)) << options->notices[0];
  }
}

TEST(RabbitExporterOptions, ReadsFilesForLoginAndTls) {
  const Variables files = {{"/user", " bob\n"}, {"/pass", "secret\n"}, {"/empty", "\n"},
                           {"ca.pem", "CA"},    {"/cert.pem", "CERT"}, {"client-key.pem", "KEY"}};
  const auto login = Parse(
      {{"RABBIT_USER", "other"}, {"RABBIT_USER_FILE", "/user"}, {"RABBIT_PASSWORD_FILE", "/pass"}},
      files);
  ASSERT_TRUE(login) << login.error().message;
  EXPECT_EQ(login->user, "bob");
  EXPECT_EQ(login->password, "secret");
  EXPECT_EQ(login->ca_pem, "") << "without TLS";
  EXPECT_EQ(Parse({{"RABBIT_USER", "other"}, {"RABBIT_USER_FILE", "/empty"}}, files)->user,
            "guest");
  Variables tls = {{"RABBIT_URL", "https://h:15671"}};
  EXPECT_EQ(Parse(tls)->ca_pem, "") << "the system's";
  EXPECT_TRUE(Parse(tls)->amqp_tls);
  EXPECT_EQ(Parse(tls)->amqp_port, 5671);
  tls["RABBIT_AMQP_TLS"] = "false";
  EXPECT_EQ(Parse(tls)->amqp_port, 5672);
  EXPECT_TRUE(Parse({{"RABBIT_URL", "http://h"}, {"RABBIT_AMQP_TLS", "true"}})->amqp_tls);
  tls["SKIPVERIFY"] = "TRUE";
  tls["CERTFILE"] = "/cert.pem";
  const auto whole = Parse(tls, files);
  ASSERT_TRUE(whole) << whole.error().message;
  EXPECT_TRUE(whole->insecure);
  EXPECT_EQ(whole->ca_pem, "CA");
  EXPECT_EQ(whole->certificate.certificate_pem, "CERT");
  EXPECT_EQ(whole->certificate.key_pem, "KEY");
  tls["KEYFILE"] = "/none";
  EXPECT_TRUE(Parse(tls, files).error().message.starts_with("KEYFILE=/none"));
  tls.erase("KEYFILE");
  EXPECT_TRUE(Parse(tls, {{"/cert.pem", "CERT"}}).error().message.starts_with("KEYFILE="));
  tls["CAFILE"] = "/none";
  EXPECT_TRUE(Parse(tls, files).error().message.starts_with("CAFILE=/none"));
}

TEST(ReadListing, TakesWhatIsToldAndLeavesOutTheRest) {
  const std::string body = R"([
    {"name": "Orders", "vhost": "/", "durable": true, "node": "n", "policy": "ha",
     "messages_unacknowledged": 3,
     "message_stats": {"publish": 10, "publish_details": {"rate": 1.5}, "ack": "x"}},
    {"name": "Orders.retry", "vhost": "/"}, {"name": "Orders", "vhost": "test"},
    {"vhost": "/"}, 7])";
  const auto options =
      Parse({{"INCLUDE_QUEUES", "^Ord"}, {"SKIP_QUEUES", "retry$"}, {"SKIP_VHOST", "^test$"}});
  const auto listing = ReadListing(body, *options);
  ASSERT_TRUE(listing) << listing.error().message;
  const RabbitListed orders{
      true, "ha", "n", 3, {{"messages_published_total", 10}, {"messages_publish_rate", 1.5}}};
  EXPECT_EQ(*listing, (RabbitListing{{{"/", "Orders"}, orders}}));
  EXPECT_FALSE(ReadListing("{}", *options));
  EXPECT_FALSE(ReadListing("[", *options));
  const auto few = Parse({{"MAX_QUEUES", "4"}});
  EXPECT_NE(ReadListing(body, *few).error().message.find("MAX_QUEUES is 4"), std::string::npos);
}

std::map<std::string, double> Samples(const std::string& text) {
  std::map<std::string, double> samples;
  const auto page = exposition::Parse(text, exposition::kTextContentType);
  EXPECT_TRUE(page) << page.error().message << "\n" << text;
  if (!page) return samples;
  for (const auto& sample : page->samples) samples[sample.labels.ToString()] = sample.value;
  return samples;
}

// The series' name with the labels of the queue, of this cluster.
std::string Series(const std::string& metric, const std::string& queue) {
  return "rabbitmq_queue_" + metric + R"({cluster="c",durable="true",queue=")" + queue +
         R"(",self="1",vhost="/"})";
}

TEST(RabbitPage, UnknownIsNotZero) {
  RabbitExporterOptions options;
  RabbitFindings findings;
  findings.cluster = "c";
  findings.node = "n";
  findings.declared[{"/", "Orders"}] = {5, 2};
  findings.declared[{"/", "Gone"}] = {1, 1};
  findings.listing[{"/", "Orders"}] = {true, "", "n", 3, {}};
  findings.listing[{"/", "Deleted"}] = {true, "", "n", 9, {}};
  findings.statistics[{"/", "Orders"}] = {true, "", "n", std::nullopt, {{"messages_ack_rate", 2}}};
  findings.listing_age = milliseconds(1500);
  auto samples = Samples(RabbitPage(findings, options));
  EXPECT_EQ(samples, (std::map<std::string, double>{
                         {R"(rabbitmq_up{cluster="c",node="n"})", 1},
                         {R"(rabbitmq_module_up{cluster="c",module="queue",node="n"})", 1},
                         {R"(rabbitmq_exporter_statistics_age_seconds{statistics="counts"})", 1.5},
                         {"rabbitmq_exporter_last_scrape_error", 0},
                         {Series("messages", "Orders"), 8},
                         {Series("messages_ready", "Orders"), 5},
                         {Series("messages_unacknowledged", "Orders"), 3},
                         {Series("messages_unacked", "Orders"), 3},
                         {Series("consumers", "Orders"), 2},
                         {Series("messages_ack_rate", "Orders"), 2}}));
  // A management API that has been silent for long tells nothing any more.
  findings.listing_age = kListingAgeMax + milliseconds(1);
  findings.management_error = Error{Code::kUnavailable, "refused"};
  samples = Samples(RabbitPage(findings, options));
  EXPECT_TRUE(samples.contains(Series("messages_ready", "Orders")));
  EXPECT_FALSE(samples.contains(Series("messages", "Orders")));
  EXPECT_EQ(samples.at(R"(rabbitmq_exporter_last_scrape_error{err="refused"})"), 1);
  // Without the declares nothing is known of any queue.
  findings.error = Error{Code::kUnavailable, "away"};
  samples = Samples(RabbitPage(findings, options));
  EXPECT_EQ(samples.at(R"(rabbitmq_up{cluster="c",node="n"})"), 0);
  EXPECT_EQ(samples.size(), 4U);
}

TEST(RabbitPage, LeavesOutWhatIsExcluded) {
  RabbitFindings findings;
  findings.declared[{"/", "q"}] = {5, 2};
  findings.listing[{"/", "q"}] = {true, "", "n", 3, {}};
  findings.statistics[{"/", "q"}] = {
      true, "", "n", 3, {{"messages_published_total", 1}, {"messages_publish_rate", 2}}};
  findings.listing_age = milliseconds(1);
  RabbitExporterOptions options;
  options.loadbalancer = true;
  options.exclude_metrics = {"messages_unacknowledged", "message_stats.publish_details.rate",
                             "disk_reads"};
  std::set<std::string> told;
  for (const auto& [series, value] : Samples(RabbitPage(findings, options))) {
    if (series.starts_with("rabbitmq_queue")) told.insert(series);
  }
  const std::string labels = R"({durable="true",queue="q",self="lb",vhost="/"})";
  EXPECT_EQ(told, (std::set<std::string>{"rabbitmq_queue_messages" + labels,
                                         "rabbitmq_queue_messages_ready" + labels,
                                         "rabbitmq_queue_consumers" + labels,
                                         "rabbitmq_queue_messages_published_total" + labels}));
}

// A management API between the exporter and the broker's: refuses, or does not answer.
class Management {
 public:
  Management(net::Loop& loop, std::string host) : host_(std::move(host)), client_(loop) {
    server_ = std::make_unique<net::HttpServer>(
        loop, net::HttpServerOptions(),
        [this](net::HttpRequest request, net::Peer, net::ResponseWriter& writer) {
          return Pass(std::move(request), &writer);
        });
    EXPECT_TRUE(server_->Start());
  }
  std::string url() const { return fmt::format("http://127.0.0.1:{}", server_->port()); }
  net::Task<void> Stop() { return server_->Stop(Duration::zero()); }
  enum class Mode { kPass, kRefuse, kSilent } mode = Mode::kPass;

 private:
  net::Task<void> Pass(net::HttpRequest request, net::ResponseWriter* writer) {
    net::HttpResponse response = net::HttpResponse::Text(503, "not now\n");
    if (mode == Mode::kSilent) co_await net::Sleep(std::chrono::hours(1));
    if (mode == Mode::kPass) {
      net::Endpoint endpoint;
      endpoint.host = host_;
      endpoint.port = 15672;
      auto answer = co_await client_.Do(endpoint, std::move(request), seconds(30));
      if (answer) response = std::move(*answer);
      response.headers.erase("content-length");
    }
    std::ignore = co_await writer->Send(std::move(response));
  }

  std::string host_;
  net::HttpClient client_;
  std::unique_ptr<net::HttpServer> server_;
};

class RabbitExporterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(brokers::SharedRabbit().running());
    brokers::AmqpOptions options = brokers::SharedRabbit().options();
    options.connect_timeout = options.command_timeout = seconds(30);
    brokers::AmqpQueueSpec queue;
    queue.name = "Orders";
    options.queues = {queue};
    client_ = std::make_unique<brokers::Amqp>(loop_, options);
    management_ = std::make_unique<Management>(loop_, brokers::SharedRabbit().address());
    auto parsed = Parse({{"RABBIT_URL", management_->url()}, {"INCLUDE_QUEUES", "^Orders$"}});
    ASSERT_TRUE(parsed);
    parsed->amqp_host = brokers::SharedRabbit().address();
    parsed->listen.port = 0;
    exporter_ = std::make_unique<RabbitExporter>(loop_, *parsed);
    ASSERT_TRUE(exporter_->Start());
  }
  void TearDown() override {
    RunTask(loop_, exporter_->Stop(Duration::zero()));
    RunTask(loop_, client_->Stop());
    RunTask(loop_, management_->Stop());
  }
  void Publish(int count) {
    for (int i = 0; i < count; ++i) {
      brokers::AmqpMessage message;
      message.id = std::to_string(i);
      ASSERT_TRUE(RunTask(loop_, client_->Publish("Orders", message)));
    }
  }
  // The queue's samples by the metric's name, and the others by theirs.
  std::map<std::string, double> Scrape() {
    std::map<std::string, double> samples;
    for (const auto& [series, value] : Samples(RunTask(loop_, exporter_->Page()))) {
      const bool of_queue = series.find("queue=\"Orders\"") != std::string::npos;
      const bool of_broker =
          series.starts_with("rabbitmq_up") || series.starts_with("rabbitmq_module_up");
      samples[of_queue || of_broker ? series.substr(0, series.find('{')) : series] = value;
    }
    return samples;
  }
  // Scrapes until the metric has the value; -1: until it is not there.
  void WaitFor(const std::string& metric, double value) {
    std::map<std::string, double> samples;
    for (int i = 0; i < 600; ++i) {
      samples = Scrape();
      const auto it = samples.find(metric);
      if (it == samples.end() ? value == -1 : it->second == value) return;
      RunTask(loop_, net::Sleep(milliseconds(50)));
    }
    for (const auto& [name, found] : samples) ADD_FAILURE() << name << " " << found;
  }

  net::Loop loop_;
  std::unique_ptr<brokers::Amqp> client_;
  std::unique_ptr<Management> management_;
  std::unique_ptr<RabbitExporter> exporter_;
};

TEST_F(RabbitExporterTest, TellsReadyAtOnceAndTheRestWhenTheBrokerDoes) {
  const std::string q = "rabbitmq_queue_messages";
  Publish(3);
  WaitFor(q + "_ready", 3);
  ASSERT_TRUE(RunTask(loop_, client_->Consume("Orders", 2)));
  WaitFor(q + "_ready", 1);
  WaitFor(q + "_unacknowledged", 2);
  WaitFor(q, 3);
  WaitFor("rabbitmq_queue_consumers", 1);
  WaitFor(q + "_published_total", 3);
  EXPECT_EQ(Scrape().at("rabbitmq_up"), 1);
  EXPECT_TRUE(Scrape().contains("rabbitmq_queue_messages_publish_rate"));
  net::HttpClient http(loop_);
  net::Endpoint endpoint;
  endpoint.host = "127.0.0.1";
  endpoint.port = exporter_->port();
  net::HttpRequest request;
  request.target = "/metrics";
  const auto page = RunTask(loop_, http.Do(endpoint, request, seconds(30)));
  ASSERT_TRUE(page);
  EXPECT_NE(page->body.find(R"(queue="Orders",self="1",vhost="/"})"), std::string::npos)
      << page->body;

  // The management API refuses, then is silent: ready messages are told all the same.
  management_->mode = Management::Mode::kRefuse;
  Publish(2);
  WaitFor(q + "_ready", 3);
  WaitFor("rabbitmq_module_up", 0);
  EXPECT_EQ(Scrape().at(q), 5) << "with what was unacknowledged a moment ago";
  management_->mode = Management::Mode::kSilent;
  Publish(1);
  WaitFor(q + "_ready", 4);
  const std::string age = "rabbitmq_exporter_statistics_age_seconds{statistics=\"counts\"}";
  const double before = Scrape().at(age);
  EXPECT_GT(Scrape().at(age), before);
}

TEST_F(RabbitExporterTest, SpeaksTlsToBothPorts) {
  Publish(2);
  const std::vector<std::string> names = {"Orders"};
  const auto state = RunTask(loop_, client_->Inspect(names));
  ASSERT_TRUE(state && state->front());
  const double waiting = state->front()->ready;
  const std::string& host = brokers::SharedRabbit().address();
  const Variables files = {{"ca.pem", brokers::SharedRabbit().ca_pem()}};
  const Variables variables = {{"RABBIT_URL", "https://" + host + ":15671"},
                               {"INCLUDE_QUEUES", "^Orders$"},
                               {"PUBLISH_PORT", "0"}};
  auto parsed = Parse(variables, files);
  ASSERT_TRUE(parsed) << parsed.error().message;
  RunTask(loop_, exporter_->Stop(Duration::zero()));
  exporter_ = std::make_unique<RabbitExporter>(loop_, *parsed);
  ASSERT_TRUE(exporter_->Start());
  WaitFor("rabbitmq_queue_messages", waiting);
  EXPECT_EQ(Scrape().at("rabbitmq_up"), 1);
  // Nobody's authority but the system's: the server is not believed.
  RunTask(loop_, exporter_->Stop(Duration::zero()));
  exporter_ = std::make_unique<RabbitExporter>(loop_, *Parse(variables));
  ASSERT_TRUE(exporter_->Start());
  const std::string page = RunTask(loop_, exporter_->Page());
  EXPECT_NE(page.find("TLS handshake with"), std::string::npos) << page;
  Variables careless = variables;
  careless["SKIPVERIFY"] = "true";
  RunTask(loop_, exporter_->Stop(Duration::zero()));
  exporter_ = std::make_unique<RabbitExporter>(loop_, *Parse(careless));
  ASSERT_TRUE(exporter_->Start());
  WaitFor("rabbitmq_queue_messages", waiting);
}

TEST_F(RabbitExporterTest, ADeletedQueueAndADeadBrokerHaveNoSamples) {
  WaitFor("rabbitmq_queue_consumers", 0);
  net::HttpClient http(loop_);
  net::Endpoint endpoint;
  endpoint.host = brokers::SharedRabbit().address();
  endpoint.port = 15672;
  net::HttpRequest request;
  request.method = "DELETE";
  request.target = "/api/queues/%2F/Orders";
  request.headers["authorization"] = "Basic Z3Vlc3Q6Z3Vlc3Q=";
  ASSERT_EQ(RunTask(loop_, http.Do(endpoint, request, seconds(30)))->status, 204);
  EXPECT_FALSE(Scrape().contains("rabbitmq_queue_messages_ready"));
  EXPECT_EQ(Scrape().at("rabbitmq_up"), 1);
  RunTask(loop_, client_->Close());
  Publish(1);  // makes it again
  WaitFor("rabbitmq_queue_messages_ready", 1);
  brokers::SharedRabbit().Kill();
  WaitFor("rabbitmq_up", 0);
  EXPECT_FALSE(Scrape().contains("rabbitmq_queue_messages_ready"));
  ASSERT_TRUE(brokers::SharedRabbit().running());  // started again
  WaitFor("rabbitmq_queue_messages_ready", 1);
}

}  // namespace
}  // namespace weir::exporters
