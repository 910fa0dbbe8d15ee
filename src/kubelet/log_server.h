// Streams a container's log to a client. Loop thread only.
#pragma once

#include <memory>

#include "env/clock.h"
#include "kubelet/container_log.h"
#include "net/http.h"

namespace weir::kubelet {

// Writes what the options select as a chunked text/plain answer; with follow until the container
// has ended and all of its log is written, or the client has gone.
net::Task<void> StreamLog(std::shared_ptr<ContainerLog> log, LogOptions options, Time now,
                          net::ResponseWriter& writer);

}  // namespace weir::kubelet
