// How a client's requests reach an API server: over HTTPS (kubeconfig), or in process into `weir
// up`'s router, with the same authentication and validation. Loop thread only.
#pragma once

#include <memory>
#include <string>

#include "net/http.h"

namespace weir::client {

class Transport {
 public:
  virtual ~Transport() = default;
  virtual net::Task<Result<net::HttpResponse>> Do(net::HttpRequest request, Duration timeout) = 0;
  virtual net::Task<Status> Stream(net::HttpRequest request, Duration timeout,
                                   net::HttpClient::HeadFn head,
                                   net::HttpClient::ChunkFn chunk) = 0;
};

// Everything needed to reach a cluster, from a kubeconfig's current context.
struct ClusterAccess {
  net::Endpoint endpoint;
  std::string ca_pem;
  net::KeyPair certificate;
  std::string token;
  bool insecure = false;
  std::string default_namespace = "default";
};
// Reads the text of a kubeconfig (inline data and file references; relative ones from `folder`,
// read by `read_file`). Exec and auth-provider credentials are refused by name.
Result<ClusterAccess> ParseKubeconfig(
    std::string_view text, const std::string& folder,
    const std::function<Result<std::string>(const std::string&)>& read_file);
// The text of a kubeconfig for one cluster, user and context, all named `name`.
std::string BuildKubeconfig(const std::string& name, const ClusterAccess& access);

Result<std::unique_ptr<Transport>> MakeHttpTransport(net::Loop& loop, const ClusterAccess& access);

// Calls `handler` directly; `token` becomes the Authorization header of each request.
std::unique_ptr<Transport> MakeInProcessTransport(net::Loop& loop, net::HttpHandler handler,
                                                  std::string token);

}  // namespace weir::client
