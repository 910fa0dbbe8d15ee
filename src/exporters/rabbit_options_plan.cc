#include "exporters/rabbit_options_plan.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include "base/strings.h"

namespace weir::exporters {
namespace {

struct Variable {
  const char* name;
  std::string_view fallback;
  std::string_view help;
};

constexpr std::array<Variable, 28> kVariables{{
    {"RABBIT_URL", "http://127.0.0.1:15672", "RabbitMQ's management API"},
    {"RABBIT_AMQP_PORT", "5672, or 5671 with TLS", "where the same host speaks AMQP 0-9-1"},
    {"RABBIT_AMQP_TLS", "as RABBIT_URL", "true or false: whether it does so over TLS"},
    {"RABBIT_USER", "guest", "user for both; needs the tag monitoring"},
    {"RABBIT_PASSWORD", "guest", "password"},
    {"RABBIT_USER_FILE", "", "file with the user, before RABBIT_USER"},
    {"RABBIT_PASSWORD_FILE", "", "file with the password, before RABBIT_PASSWORD"},
    {"RABBIT_CONNECTION", "direct", "loadbalancer: the label self is lb"},
    {"RABBIT_TIMEOUT", "30", "seconds that the management API may take"},
    {"RABBIT_CAPABILITIES", "bert,no_sort", "without no_sort lists are asked for sorted"},
    {"RABBIT_EXPORTERS", "exchange,node,queue", "modules; only queue is told here"},
    {"CAFILE", "ca.pem", "authority for TLS; without the file the system's"},
    {"CERTFILE", "client-cert.pem", "certificate to show, where the file exists"},
    {"KEYFILE", "client-key.pem", "its key"},
    {"SKIPVERIFY", "false", "true: believe any server over TLS"},
    {"INCLUDE_QUEUES", ".*", "queues to tell of: a regular expression"},
    {"SKIP_QUEUES", "^$", "queues among them to leave out"},
    {"INCLUDE_VHOST", ".*", "virtual hosts to tell of"},
    {"SKIP_VHOST", "^$", "virtual hosts among them to leave out"},
    {"INCLUDE_EXCHANGES", ".*", "no effect: exchanges are not told of"},
    {"SKIP_EXCHANGES", "^$", "no effect: exchanges are not told of"},
    {"ALIVENESS_VHOST", "/", "no effect: aliveness is not tested"},
    {"EXCLUDE_METRICS", "", "what to leave out: messages_ready,message_stats.publish"},
    {"MAX_QUEUES", "0", "with more queues nothing is told of any; 0: no limit"},
    {"PUBLISH_PORT", "9419", "port to listen on"},
    {"PUBLISH_ADDR", "", "address to listen on; without it $POD_IP, or loopback"},
    {"LOG_LEVEL", "info", "debug, info, warning, error, fatal, panic"},
    {"OUTPUT_FORMAT", "TTY", "of the log: TTY or JSON"},
}};

constexpr std::string_view kElsewhere =
    "RabbitMQ's own plugin rabbitmq_prometheus has them, on port 15692";

std::vector<std::string> Words(std::string_view text) {
  std::vector<std::string> words;
  for (const std::string_view part : Split(text, ',')) {
    const std::string_view word = Trim(part);
    if (!word.empty()) words.emplace_back(word);
  }
  return words;
}

// Takes the variables one group at a time; the first error ends it.
class Parser {
 public:
  explicit Parser(const RabbitExporterInput& input) : input_(input) {}

  Result<RabbitExporterOptions> Parse() {
    using Step = Status (Parser::*)();
    for (const Step step :
         {&Parser::ConfigFile, &Parser::Broker, &Parser::Login, &Parser::Tls, &Parser::Limits,
          &Parser::Patterns, &Parser::Modules, &Parser::Listen, &Parser::Log}) {
      if (Status status = (this->*step)(); !status) return std::unexpected(status.error());
    }
    return std::move(options_);
  }

 private:
  std::string Given(const char* name) const { return input_.env(name); }
  // What is given, or the fallback of the table.
  std::string Value(const char* name) const {
    std::string text = Given(name);
    for (const Variable& variable : kVariables) {
      if (text.empty() && variable.name == std::string_view(name)) text = variable.fallback;
    }
    return text;
  }
  static std::unexpected<Error> Wrong(const char* name, std::string_view text,
                                      std::string_view why) {
    return Fail(Code::kInvalid, fmt::format("{}={}: {}", name, text, why));
  }
  Result<std::int64_t> Number(const char* name, std::string_view text, std::int64_t least,
                              std::int64_t most) const {
    const std::optional<std::int64_t> parsed = ParseInt(text);
    if (parsed && *parsed >= least && *parsed <= most) return *parsed;
    return Wrong(name, text, fmt::format("expected a number from {} to {}", least, most));
  }
  Result<bool> Flag(const char* name, std::string_view text) const {
    const std::string lower = ToLower(text);
    if (lower == "true" || lower == "1") return true;
    if (lower == "false" || lower == "0" || lower.empty()) return false;
    return Wrong(name, text, "expected true or false");
  }
  // A file that is named must be there; one that is meant by default need not.
  Result<std::string> File(const char* name) const {
    const std::string path = Value(name);
    if (path.empty()) return std::string();
    auto text = input_.read_file(path);
    if (text) return text;
    if (Given(name).empty() && text.error().code == Code::kNotFound) return std::string();
    return Wrong(name, path, text.error().message);
  }

  Status ConfigFile();
  Status Broker();
  Status Login();
  Status Tls();
  Status Limits();
  Status Patterns();
  Status Modules();
  Status Listen();
  Status Log();

  const RabbitExporterInput& input_;
  RabbitExporterOptions options_;
};

// The image reads a file of this name before the variables, which then do not count.
Status Parser::ConfigFile() {
  for (const char* path : {"conf/rabbitmq.conf", "/conf/rabbitmq.conf"}) {
    const auto text = input_.read_file(path);
    if (!text && text.error().code == Code::kNotFound) continue;
    return Fail(Code::kInvalid, fmt::format("{}: a configuration file is not read here; remove it "
                                            "and set the environment variables instead (--help)",
                                            path));
  }
  return {};
}

Status Parser::Broker() {
  const std::string text = Value("RABBIT_URL");
  const Result<net::Url> url = net::ParseUrl(text);
  if (!url) return Prefixed("RABBIT_URL", url.error());
  const std::string scheme = ToLower(text.substr(0, text.find(':')));
  if (scheme != "http" && scheme != "https") {
    return Fail(Code::kInvalid, "RABBIT_URL: expected http://host:port or https://host:port");
  }
  options_.management = url->endpoint;
  options_.management_path = url->target;
  while (options_.management_path.ends_with('/')) options_.management_path.pop_back();
  options_.amqp_host = url->endpoint.host;
  options_.amqp_tls = url->endpoint.tls;
  if (const std::string given = Given("RABBIT_AMQP_TLS"); !given.empty()) {
    const auto tls = Flag("RABBIT_AMQP_TLS", given);
    if (!tls) return std::unexpected(tls.error());
    options_.amqp_tls = *tls;
  }
  std::string port_text = Given("RABBIT_AMQP_PORT");
  if (port_text.empty()) port_text = options_.amqp_tls ? "5671" : "5672";
  const auto port = Number("RABBIT_AMQP_PORT", port_text, 1, 65535);
  if (!port) return std::unexpected(port.error());
  options_.amqp_port = static_cast<std::uint16_t>(*port);
  const std::string connection = Value("RABBIT_CONNECTION");
  options_.loadbalancer = connection == "loadbalancer";
  if (!options_.loadbalancer && connection != "direct") {
    return Wrong("RABBIT_CONNECTION", connection, "expected direct or loadbalancer");
  }
  return {};
}

Status Parser::Login() {
  for (const auto& [name, file, value] :
       {std::tuple{"RABBIT_USER", "RABBIT_USER_FILE", &options_.user},
        std::tuple{"RABBIT_PASSWORD", "RABBIT_PASSWORD_FILE", &options_.password}}) {
    const auto text = File(file);
    if (!text) return std::unexpected(text.error());
    *value = Trim(*text);
    // As that exporter does, an empty file is no user, and the variable does not count.
    if (!Given(file).empty() && value->empty()) *value = "guest";
    if (value->empty()) *value = Value(name);
  }
  return {};
}

Status Parser::Tls() {
  const auto insecure = Flag("SKIPVERIFY", Value("SKIPVERIFY"));
  if (!insecure) return std::unexpected(insecure.error());
  options_.insecure = *insecure;
  if (!options_.management.tls && !options_.amqp_tls) return {};
  for (const auto& [name, pem] : {std::pair{"CAFILE", &options_.ca_pem},
                                  std::pair{"CERTFILE", &options_.certificate.certificate_pem},
                                  std::pair{"KEYFILE", &options_.certificate.key_pem}}) {
    auto text = File(name);
    if (!text) return std::unexpected(text.error());
    *pem = std::move(*text);
  }
  const bool has_certificate = !options_.certificate.certificate_pem.empty();
  if (has_certificate == options_.certificate.key_pem.empty()) {
    const char* lacking = has_certificate ? "KEYFILE" : "CERTFILE";
    return Wrong(lacking, Value(lacking), "expected a file: CERTFILE and KEYFILE go together");
  }
  return {};
}

Status Parser::Limits() {
  const auto timeout = Number("RABBIT_TIMEOUT", Value("RABBIT_TIMEOUT"), 1, 3600);
  if (!timeout) return std::unexpected(timeout.error());
  options_.timeout = std::chrono::seconds(*timeout);
  const auto max_queues = Number("MAX_QUEUES", Value("MAX_QUEUES"), 0, 1'000'000);
  if (!max_queues) return std::unexpected(max_queues.error());
  options_.max_queues = *max_queues;
  return {};
}

Status Parser::Patterns() {
  const std::pair<const char*, std::string*> patterns[] = {
      {"INCLUDE_QUEUES", &options_.include_queues},
      {"SKIP_QUEUES", &options_.skip_queues},
      {"INCLUDE_VHOST", &options_.include_vhost},
      {"SKIP_VHOST", &options_.skip_vhost}};
  for (const auto& [name, pattern] : patterns) {
    *pattern = Value(name);
    const RE2 compiled(*pattern, RE2::Quiet);
    if (!compiled.ok()) return Wrong(name, *pattern, compiled.error());
  }
  for (std::string& word : Words(Value("EXCLUDE_METRICS"))) {
    options_.exclude_metrics.insert(std::move(word));
  }
  return {};
}

Status Parser::Modules() {
  const std::vector<std::string> capabilities = Words(Value("RABBIT_CAPABILITIES"));
  options_.no_sort = std::ranges::find(capabilities, "no_sort") != capabilities.end();
  const std::string given = Given("RABBIT_EXPORTERS");
  const std::vector<std::string> modules = Words(given);
  if (!given.empty() && std::ranges::find(modules, "queue") == modules.end()) {
    return Wrong("RABBIT_EXPORTERS", given,
                 fmt::format("expected queue, which alone is told here; of others {}", kElsewhere));
  }
  for (const std::string& module : modules) {
    if (module == "queue" || module == "overview") continue;
    options_.notices.push_back(
        fmt::format("RABBIT_EXPORTERS: no metrics of {} here; {}", module, kElsewhere));
  }
  if (!Given("RABBIT_CAPABILITIES").empty() &&
      std::ranges::find(capabilities, "bert") != capabilities.end()) {
    options_.notices.emplace_back(
        "RABBIT_CAPABILITIES: bert has no effect, answers are asked for as JSON; leave it out");
  }
  for (const char* name : {"INCLUDE_EXCHANGES", "SKIP_EXCHANGES"}) {
    if (Given(name).empty()) continue;
    options_.notices.push_back(
        fmt::format("{}: no effect, exchanges are not told of here; {}", name, kElsewhere));
  }
  if (!Given("ALIVENESS_VHOST").empty()) {
    options_.notices.emplace_back(
        "ALIVENESS_VHOST: no effect, aliveness is not tested here; rabbitmq_up tells whether "
        "RabbitMQ answers");
  }
  return {};
}

Status Parser::Listen() {
  const auto port = Number("PUBLISH_PORT", Value("PUBLISH_PORT"), 0, 65535);
  if (!port) return std::unexpected(port.error());
  std::string host = Given("POD_IP");
  if (host.empty()) host = "127.0.0.1";
  auto listen = net::ParseListenAddress(fmt::format("{}:{}", Value("PUBLISH_ADDR"), *port), host);
  if (!listen) return Prefixed("PUBLISH_ADDR", listen.error());
  options_.listen = std::move(*listen);
  return {};
}

Status Parser::Log() {
  const std::string format = Value("OUTPUT_FORMAT");
  options_.log_json = ToLower(format) == "json";
  if (!options_.log_json && ToLower(format) != "tty") {
    return Wrong("OUTPUT_FORMAT", format, "expected TTY or JSON");
  }
  constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kLevels{
      {{"trace", "trace"},
       {"debug", "debug"},
       {"info", "info"},
       {"warn", "warning"},
       {"warning", "warning"},
       {"error", "error"},
       {"fatal", "critical"},
       {"panic", "critical"}}};
  const std::string level = Value("LOG_LEVEL");
  for (const auto& [name, meaning] : kLevels) {
    if (name != ToLower(level)) continue;
    options_.log_level = meaning;
    return {};
  }
  return Wrong("LOG_LEVEL", level, "expected debug, info, warning, error, fatal or panic");
}

}  // namespace

Result<RabbitExporterOptions> ParseRabbitExporterOptions(const RabbitExporterInput& input) {
  return Parser(input).Parse();
}

std::string RabbitExporterUsage() {
  std::string text =
      "weir exporter rabbitmq: the queues of a RabbitMQ as a metrics page\n\n"
      "Environment variables and defaults:\n";
  for (const Variable& variable : kVariables) {
    text += fmt::format(
        "  {:<22}{}{}\n", variable.name, variable.help,
        variable.fallback.empty() ? std::string() : fmt::format(" ({})", variable.fallback));
  }
  return text;
}

}  // namespace weir::exporters
