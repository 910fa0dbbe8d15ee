// How a controller takes in what nobody controls. Loop thread only.
#pragma once

#include "client/client.h"
#include "client/informer.h"

namespace weir::controllers {

// Makes `owner` the controller of an object that has none: the object as it is then, or null where
// it is gone (or another has its name by now).
net::Task<Result<client::ObjectPtr>> Adopt(client::Client& client, client::ResourceRef resource,
                                           client::ObjectPtr object, client::ObjectPtr owner);

}  // namespace weir::controllers
