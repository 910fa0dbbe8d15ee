// Containers, their probes and hooks: validateContainers of pkg/apis/core/validation.
#include <fmt/format.h>

#include "base/strings.h"
#include "kube/names.h"
#include "kube/syntax.h"
#include "kube/validation.h"

namespace weir::kube {
namespace {

void CheckPorts(FieldErrors& errors, const Json& ports, bool host_network,
                const std::string& path) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const Json& port = ports[i];
    std::string at = Index(path, i);
    std::string name = GetString(port, "name");
    if (!name.empty()) {
      Reasons reasons = PortNameErrors(name);
      AddInvalid(errors, Child(at, "name"), name, reasons);
      if (reasons.empty() && !names.insert(name).second) {
        errors.push_back(Duplicate(Child(at, "name"), name));
      }
    }
    std::int64_t number = GetInt(port, {"containerPort"}, 0);
    if (number == 0) {
      errors.push_back(Required(Child(at, "containerPort")));
    } else {
      AddInvalid(errors, Child(at, "containerPort"), number, PortNumberErrors(number));
    }
    std::int64_t host = GetInt(port, {"hostPort"}, 0);
    if (host != 0) {
      AddInvalid(errors, Child(at, "hostPort"), host, PortNumberErrors(host));
      if (host_network && host != number) {
        errors.push_back(Invalid(Child(at, "hostPort"), host,
                                 "must match `containerPort` when `hostNetwork` is true"));
      }
    }
    CheckOneOf(errors, Child(at, "protocol"), GetString(port, "protocol"), {"SCTP", "TCP", "UDP"});
  }
}

void CheckHostPortConflicts(FieldErrors& errors, const Json& containers, const std::string& path) {
  std::set<std::string> taken;
  for (std::size_t c = 0; c < containers.size(); ++c) {
    const Json& ports = GetArray(containers[c], {"ports"});
    for (std::size_t p = 0; p < ports.size(); ++p) {
      std::int64_t host = GetInt(ports[p], {"hostPort"}, 0);
      if (host == 0) continue;
      std::string key = fmt::format("{}/{}/{}", GetString(ports[p], "protocol"),
                                    GetString(ports[p], "hostIP"), host);
      if (taken.insert(key).second) continue;
      errors.push_back(Duplicate(Child(Index(Child(Index(path, c), "ports"), p), "hostPort"), key));
    }
  }
}

void CheckHttpGet(FieldErrors& errors, const Json& action, const std::string& path) {
  if (GetString(action, "path").empty()) errors.push_back(Required(Child(path, "path")));
  Append(errors, ValidatePortNumberOrName(Find(action, "port"), Child(path, "port")));
  CheckOneOf(errors, Child(path, "scheme"), GetString(action, "scheme"), {"HTTP", "HTTPS"});
  for (const Json& header : GetArray(action, {"httpHeaders"})) {
    std::string name = GetString(header, "name");
    AddInvalid(errors, Child(path, "httpHeaders"), name, HttpHeaderNameErrors(name));
  }
}

void CheckHandler(FieldErrors& errors, const Json& handler, std::int64_t grace_seconds,
                  const std::string& path) {
  int handlers = 0;
  for (std::string_view kind : {"exec", "httpGet", "tcpSocket", "grpc", "sleep"}) {
    const Json* action = Find(handler, kind);
    if (action == nullptr) continue;
    std::string at = Child(path, kind);
    if (handlers++ > 0) {
      errors.push_back(Forbidden(at, "may not specify more than 1 handler type"));
    } else if (kind == "exec") {
      if (GetArray(*action, {"command"}).empty()) errors.push_back(Required(Child(at, "command")));
    } else if (kind == "httpGet") {
      CheckHttpGet(errors, *action, at);
    } else if (kind == "tcpSocket") {
      Append(errors, ValidatePortNumberOrName(Find(*action, "port"), Child(at, "port")));
    } else if (kind == "grpc") {
      std::int64_t port = GetInt(*action, {"port"}, 0);
      AddInvalid(errors, Child(at, "port"), port, PortNumberErrors(port));
    } else {
      std::int64_t seconds = GetInt(*action, {"seconds"}, 0);
      if (seconds < 0 || seconds > grace_seconds) {
        errors.push_back(Invalid(
            at, seconds,
            fmt::format("must be non-negative and less than terminationGracePeriodSeconds ({})",
                        grace_seconds)));
      }
    }
  }
  if (handlers == 0) errors.push_back(Required(path, "must specify a handler type"));
}

void CheckProbe(FieldErrors& errors, const Json& container, std::string_view kind,
                std::int64_t grace_seconds, const std::string& container_path) {
  const Json* probe = Find(container, kind);
  if (probe == nullptr) return;
  std::string path = Child(container_path, kind);
  CheckHandler(errors, *probe, grace_seconds, path);
  for (std::string_view key : {"initialDelaySeconds", "timeoutSeconds", "periodSeconds",
                               "successThreshold", "failureThreshold"}) {
    CheckNonNegative(errors, Child(path, key), Find(*probe, key));
  }
  std::optional<std::int64_t> grace = GetInt(*probe, {"terminationGracePeriodSeconds"});
  std::string grace_path = Child(path, "terminationGracePeriodSeconds");
  if (grace && *grace <= 0) errors.push_back(Invalid(grace_path, *grace, "must be greater than 0"));
  if (kind == "readinessProbe") {
    if (grace) {
      errors.push_back(Invalid(grace_path, *grace, "must not be set for readinessProbes"));
    }
  } else if (std::int64_t successes = GetInt(*probe, {"successThreshold"}, 1); successes != 1) {
    errors.push_back(Invalid(Child(path, "successThreshold"), successes, "must be 1"));
  }
}

void CheckLifecycleAndProbes(FieldErrors& errors, const Json& container, const PodContext& context,
                             const std::string& path) {
  if (const Json* lifecycle = Find(container, "lifecycle")) {
    for (std::string_view hook : {"postStart", "preStop"}) {
      const Json* handler = Find(*lifecycle, hook);
      if (handler == nullptr) continue;
      CheckHandler(errors, *handler, context.grace_seconds, Child(Child(path, "lifecycle"), hook));
    }
  }
  for (std::string_view probe : {"livenessProbe", "readinessProbe", "startupProbe"}) {
    CheckProbe(errors, container, probe, context.grace_seconds, path);
  }
}

void CheckRelativeMount(FieldErrors& errors, const std::string& text, const std::string& path) {
  if (text.starts_with('/')) errors.push_back(Invalid(path, text, "must be a relative path"));
  for (const std::string& part : Split(text, '/')) {
    if (part != "..") continue;
    errors.push_back(Invalid(path, text, "must not contain '..'"));
    break;
  }
}

void CheckVolumeMounts(FieldErrors& errors, const Json& mounts, const PodContext& context,
                       const std::string& path) {
  std::set<std::string> paths;
  for (std::size_t i = 0; i < mounts.size(); ++i) {
    std::string at = Index(path, i);
    std::string name = GetString(mounts[i], "name");
    if (name.empty()) errors.push_back(Required(Child(at, "name")));
    if (!context.volumes.contains(name)) {
      errors.push_back(NotFoundValue(Child(at, "name"), name));
    }
    std::string target = GetString(mounts[i], "mountPath");
    if (target.empty()) errors.push_back(Required(Child(at, "mountPath")));
    if (!paths.insert(target).second) {
      errors.push_back(Invalid(Child(at, "mountPath"), target, "must be unique"));
    }
    // Upstream leaves the index out of these.
    std::string sub = GetString(mounts[i], "subPath");
    if (!sub.empty()) CheckRelativeMount(errors, sub, Child(path, "subPath"));
    std::string expression = GetString(mounts[i], "subPathExpr");
    if (!expression.empty()) {
      if (!sub.empty()) {
        errors.push_back(Invalid(Child(at, "subPathExpr"), expression,
                                 "subPathExpr and subPath are mutually exclusive"));
      }
      CheckRelativeMount(errors, expression, Child(path, "subPathExpr"));
    }
    std::string propagation = GetString(mounts[i], "mountPropagation");
    if (!propagation.empty()) {
      CheckOneOf(errors, Child(path, "mountPropagation"), propagation,
                 {"Bidirectional", "HostToContainer", "None"});
    }
  }
}

void CheckSecurityContext(FieldErrors& errors, const Json& context, const std::string& path) {
  for (std::string_view key : {"runAsUser", "runAsGroup"}) {
    std::optional<std::int64_t> id = GetInt(context, {key});
    if (id && (*id < 0 || *id > 2147483647)) {
      errors.push_back(
          Invalid(Child(path, key), *id, "must be between 0 and 2147483647, inclusive"));
    }
  }
  if (!GetBool(context, {"allowPrivilegeEscalation"}, true) &&
      GetBool(context, {"privileged"}, false)) {
    errors.push_back(Invalid(path, context,
                             "cannot set `allowPrivilegeEscalation` to false and `privileged` to "
                             "true"));
  }
}

FieldErrors ValidateCommon(const Json& container, const PodContext& context,
                           const std::string& path) {
  FieldErrors errors;
  std::string name = GetString(container, "name");
  if (name.empty()) {
    errors.push_back(Required(Child(path, "name")));
  } else {
    AddInvalid(errors, Child(path, "name"), name, Dns1123LabelErrors(name));
  }
  std::string image = GetString(container, "image");
  if (image.empty()) {
    errors.push_back(Required(Child(path, "image")));
  } else if (Trim(image) != image) {
    errors.push_back(
        Invalid(Child(path, "image"), image, "must not have leading or trailing whitespace"));
  }
  CheckOneOf(errors, Child(path, "terminationMessagePolicy"),
             GetString(container, "terminationMessagePolicy"), {"File", "FallbackToLogsOnError"});
  CheckPorts(errors, GetArray(container, {"ports"}), context.host_network, Child(path, "ports"));
  Append(errors, ValidateEnv(GetArray(container, {"env"}), Child(path, "env")));
  Append(errors, ValidateEnvFrom(GetArray(container, {"envFrom"}), Child(path, "envFrom")));
  CheckVolumeMounts(errors, GetArray(container, {"volumeMounts"}), context,
                    Child(path, "volumeMounts"));
  CheckOneOf(errors, Child(path, "imagePullPolicy"), GetString(container, "imagePullPolicy"),
             {"Always", "IfNotPresent", "Never"});
  Append(errors, ValidateResources(GetObject(container, {"resources"}), Child(path, "resources")));
  CheckSecurityContext(errors, GetObject(container, {"securityContext"}),
                       Child(path, "securityContext"));
  return errors;
}

void CheckName(FieldErrors& errors, const Json& container, const std::string& path,
               std::set<std::string, std::less<>>* names) {
  std::string name = GetString(container, "name");
  if (!name.empty() && !names->insert(name).second) {
    errors.push_back(Duplicate(Child(path, "name"), name));
  }
}

void CheckRestartPolicy(FieldErrors& errors, const Json& container, const std::string& path) {
  std::string policy = GetString(container, "restartPolicy");
  if (policy.empty()) return;
  CheckOneOf(errors, Child(path, "restartPolicy"), policy, {"Always", "Never", "OnFailure"});
}

}  // namespace

FieldErrors ValidateContainers(const Json& containers, const PodContext& context,
                               const std::string& path, std::set<std::string, std::less<>>* names) {
  if (containers.empty()) return {Required(path)};
  FieldErrors errors;
  for (std::size_t i = 0; i < containers.size(); ++i) {
    std::string at = Index(path, i);
    Append(errors, ValidateCommon(containers[i], context, at));
    CheckName(errors, containers[i], at, names);
    CheckLifecycleAndProbes(errors, containers[i], context, at);
    CheckRestartPolicy(errors, containers[i], at);
  }
  CheckHostPortConflicts(errors, containers, path);
  return errors;
}

FieldErrors ValidateInitContainers(const Json& containers, const PodContext& context,
                                   const std::string& path,
                                   std::set<std::string, std::less<>>* names) {
  FieldErrors errors;
  for (std::size_t i = 0; i < containers.size(); ++i) {
    const Json& container = containers[i];
    std::string at = Index(path, i);
    Append(errors, ValidateCommon(container, context, at));
    CheckRestartPolicy(errors, container, at);
    CheckName(errors, container, at, names);
    if (GetString(container, "restartPolicy") == "Always") {  // a sidecar
      CheckLifecycleAndProbes(errors, container, context, at);
      continue;
    }
    for (std::string_view key : {"lifecycle", "livenessProbe", "readinessProbe", "startupProbe"}) {
      if (Find(container, key) == nullptr) continue;
      errors.push_back(Forbidden(
          Child(at, key), "may not be set for init containers without restartPolicy=Always"));
    }
  }
  return errors;
}

}  // namespace weir::kube
