#include <fmt/format.h>

#include "base/json.h"
#include "base/strings.h"
#include "base/yaml.h"
#include "client/transport.h"

namespace weir::client {
namespace {

using ReadFile = std::function<Result<std::string>(const std::string&)>;

// The entry `name` of a kubeconfig list (`clusters`, `users`, `contexts`), its inner object.
Result<Json> Entry(const Json& config, const std::string& list, const std::string& inner,
                   const std::string& name) {
  for (const Json& entry : GetArray(config, {list})) {
    if (GetString(entry, "name") == name) return GetObject(entry, {inner});
  }
  return Fail(Code::kInvalid, fmt::format("kubeconfig: no entry {} in {}", Quote(name), list));
}

// `<field>-data` decoded, or the file that `<field>` names, or empty.
Result<std::string> DataOrFile(const Json& object, const std::string& field,
                               const std::string& folder, const ReadFile& read_file) {
  if (const std::string data = GetString(object, field + "-data"); !data.empty()) {
    std::optional<std::string> decoded = Base64Decode(data);
    if (!decoded)
      return Fail(Code::kInvalid, fmt::format("kubeconfig: {}-data: not base64", field));
    return std::move(*decoded);
  }
  const std::string path = GetString(object, field);
  if (path.empty()) return std::string();
  Result<std::string> content = read_file(path.starts_with('/') ? path : folder + "/" + path);
  if (!content) return Prefixed(fmt::format("kubeconfig: {}", field), content.error());
  return content;
}

Status ReadCluster(const Json& cluster, const std::string& folder, const ReadFile& read_file,
                   ClusterAccess& access) {
  const Result<net::Url> url = net::ParseUrl(GetString(cluster, "server"));
  if (!url) return Prefixed("kubeconfig: server", url.error());
  if (url->target != "/") {
    return Fail(Code::kInvalid,
                fmt::format("kubeconfig: server: a path ({}) is not supported", url->target));
  }
  if (!GetString(cluster, "proxy-url").empty()) {
    return Fail(Code::kInvalid, "kubeconfig: proxy-url is not supported");
  }
  access.endpoint = url->endpoint;
  access.insecure = GetBool(cluster, {"insecure-skip-tls-verify"}, false);
  Result<std::string> ca = DataOrFile(cluster, "certificate-authority", folder, read_file);
  if (!ca) return std::unexpected(ca.error());
  access.ca_pem = std::move(*ca);
  return {};
}

Status ReadUser(const Json& user, const std::string& folder, const ReadFile& read_file,
                ClusterAccess& access) {
  for (const std::string_view unsupported : {"exec", "auth-provider", "username"}) {
    if (Find(user, unsupported) == nullptr) continue;
    return Fail(
        Code::kInvalid,
        fmt::format("kubeconfig: user credentials of the kind {} are not supported; expected a "
                    "client certificate or a token",
                    unsupported));
  }
  Result<std::string> certificate = DataOrFile(user, "client-certificate", folder, read_file);
  if (!certificate) return std::unexpected(certificate.error());
  Result<std::string> key = DataOrFile(user, "client-key", folder, read_file);
  if (!key) return std::unexpected(key.error());
  if (certificate->empty() != key->empty()) {
    return Fail(Code::kInvalid, "kubeconfig: client-certificate and client-key go together");
  }
  access.certificate = {std::move(*certificate), std::move(*key)};
  access.token = GetString(user, "token");
  if (const std::string path = GetString(user, "tokenFile");
      access.token.empty() && !path.empty()) {
    const Result<std::string> token = read_file(path.starts_with('/') ? path : folder + "/" + path);
    if (!token) return Prefixed("kubeconfig: tokenFile", token.error());
    access.token = Trim(*token);
  }
  return {};
}

}  // namespace

Result<ClusterAccess> ParseKubeconfig(std::string_view text, const std::string& folder,
                                      const ReadFile& read_file) {
  const Result<Json> parsed = ParseYamlDocument(text);
  if (!parsed) return Prefixed("kubeconfig", parsed.error());
  const Json& config = *parsed;
  if (!config.is_object()) return Fail(Code::kInvalid, "kubeconfig: expected a mapping");
  const std::string current = GetString(config, "current-context");
  if (current.empty()) return Fail(Code::kInvalid, "kubeconfig: current-context is not set");
  const Result<Json> context = Entry(config, "contexts", "context", current);
  if (!context) return std::unexpected(context.error());
  const Result<Json> cluster = Entry(config, "clusters", "cluster", GetString(*context, "cluster"));
  if (!cluster) return std::unexpected(cluster.error());
  ClusterAccess access;
  if (Status read = ReadCluster(*cluster, folder, read_file, access); !read) {
    return std::unexpected(read.error());
  }
  if (const std::string name = GetString(*context, "user"); !name.empty()) {
    const Result<Json> user = Entry(config, "users", "user", name);
    if (!user) return std::unexpected(user.error());
    if (Status read = ReadUser(*user, folder, read_file, access); !read) {
      return std::unexpected(read.error());
    }
  }
  if (std::string ns = GetString(*context, "namespace"); !ns.empty()) {
    access.default_namespace = std::move(ns);
  }
  return access;
}

std::string BuildKubeconfig(const std::string& name, const ClusterAccess& access) {
  const net::Endpoint& endpoint = access.endpoint;
  const bool v6 = endpoint.host.find(':') != std::string::npos;
  const std::string quoted = DumpJson(Json(name));  // a JSON string is a YAML string
  std::string text = "apiVersion: v1\nkind: Config\nclusters:\n- cluster:\n";
  if (!access.ca_pem.empty()) {
    text += fmt::format("    certificate-authority-data: {}\n", Base64Encode(access.ca_pem));
  }
  if (access.insecure) text += "    insecure-skip-tls-verify: true\n";
  text += fmt::format("    server: {}://{}{}{}:{}\n", endpoint.tls ? "https" : "http",
                      v6 ? "[" : "", endpoint.host, v6 ? "]" : "", endpoint.port);
  text += fmt::format("  name: {0}\ncontexts:\n- context:\n    cluster: {0}\n", quoted);
  if (access.default_namespace != "default") {
    text += fmt::format("    namespace: {}\n", DumpJson(Json(access.default_namespace)));
  }
  text += fmt::format("    user: {0}\n  name: {0}\ncurrent-context: {0}\nusers:\n- name: {0}\n",
                      quoted);
  text += "  user:\n";
  if (!access.certificate.certificate_pem.empty()) {
    text += fmt::format("    client-certificate-data: {}\n    client-key-data: {}\n",
                        Base64Encode(access.certificate.certificate_pem),
                        Base64Encode(access.certificate.key_pem));
  }
  if (!access.token.empty()) text += fmt::format("    token: {}\n", DumpJson(Json(access.token)));
  if (text.ends_with("  user:\n")) text.replace(text.size() - 1, 1, " {}\n");
  return text;
}

}  // namespace weir::client
