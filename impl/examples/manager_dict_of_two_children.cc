// SPDX-License-Identifier: MIT
// Two children each put a pair in a manager's dict, which is in a server process. Each sees its own
// pair, and the other's if that came first; the parent has both, in the order in which they came.
#include "impl/examples/say.h"
#include "impl/manager/manager.h"
#include "impl/process/process.h"

namespace {

void add_data(const ipc::DictProxy& dict, const ipc::Object& key, const ipc::Object& value) {
  dict[key] = value;
  say(key, "by pid", ipc::current_process().pid(), dict);
}

void from_two_children(const ipc::Object::Dict::Entry& first,
                       const ipc::Object::Dict::Entry& second) {
  const ipc::DictProxy dict = ipc::Manager().dict();  // keeps the server, which ends with it
  ipc::Process first_child([&] { add_data(dict, first.first, first.second); });
  ipc::Process second_child([&] { add_data(dict, second.first, second.second); });
  first_child.start();
  second_child.start();
  first_child.join();
  second_child.join();
  say(dict);
}

}  // namespace

int main() {
  from_two_children({"amyk1", "amyv1"}, {"amyk2", "amyv2"});
  from_two_children({"a", 22}, {"b", 23});
}
