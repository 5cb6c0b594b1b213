// SPDX-License-Identifier: MIT
// Server: the objects of a manager and who has them, for every channel. It runs in a process of its
// own (manager.h), one thread for each connection.
//
// An object is there as long as somebody holds a reference: a session, which is a process of a
// client with all its connections, or another object that contains a proxy of it. (One that
// contains itself, by whatever way, stays until the server's end, as in Python.) A reply's
// references are counted for the session when it is sent, so that none is lost on the way.
//
// Locks: sessions_mutex_, a session's, objects_mutex_ and a referent's are each held for a moment
// and never one inside another, but a referent's may be held while an Entry ends, which takes
// objects_mutex_.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "impl/codec/handle.h"
#include "impl/manager/backend.h"
#include "impl/manager/protocol.h"
#include "impl/manager/referent.h"

namespace ipc::detail {

// An object of the server; holds of it are shared_ptrs.
struct Entry final : Handle::Hold {
  Entry(Server& a_server, std::uint64_t an_id, std::string a_type,
        std::shared_ptr<Referent> a_referent);
  ~Entry() override;
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;

  Server& server;
  const std::uint64_t id;
  const std::string type;
  std::shared_ptr<Referent> referent;
};

class Server {
 public:
  // `types`: by name. `stop_fd`: readable when the server is to end.
  Server(StorePlace place, std::string key, std::map<std::string, Factory, std::less<>> types,
         int stop_fd);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // The one that this process is, if it is one.
  static Server* here();
  void set_here();

  // Serves a connection until it ends. Any number of threads.
  void serve(Link& link);
  // The same of one who has proved that he has the key.
  void serve_known(Link& link);
  int stop_fd() const { return stop_fd_; }

  const StorePlace& place() const { return place_; }
  const std::string& key() const { return key_; }
  std::shared_ptr<Entry> find(std::uint64_t id) const;  // none: there is no such object

 private:
  friend struct Entry;
  struct Held {
    std::shared_ptr<Entry> entry;
    std::int64_t count = 0;
  };
  struct Session {
    std::mutex mutex;
    std::unordered_map<std::uint64_t, Held> held;
    int connections = 0;  // of sessions_mutex_
  };
  class Joined;

  std::shared_ptr<Session> join(std::uint64_t& number, const Hello& hello);
  void part(std::uint64_t number);
  void serve_session(Link& link, Session& session, std::uint64_t number);
  Object call_itself(const Request& request, Arguments& arguments, Session& session);
  static std::shared_ptr<Entry> held(Session& session, std::uint64_t id);  // throws RemoteError
  std::shared_ptr<Entry> add(std::string_view type, std::shared_ptr<Referent> made);
  void count(Session& session, const std::shared_ptr<Entry>& entry);
  void count_all(Session& session, const Object& value);
  std::size_t number_of_objects() const;

  const StorePlace place_;
  const std::string key_;
  const std::map<std::string, Factory, std::less<>> types_;
  const int stop_fd_;
  std::mutex sessions_mutex_;
  std::map<std::uint64_t, std::shared_ptr<Session>> sessions_;
  mutable std::mutex objects_mutex_;
  std::unordered_map<std::uint64_t, std::weak_ptr<Entry>> objects_;
  std::uint64_t next_id_;
};

// The handle of an object, as proxies have it: of its place, its type and its number.
Handle proxy_handle(const StorePlace& place, std::string_view type, std::uint64_t id,
                    std::shared_ptr<const Handle::Hold> hold);

}  // namespace ipc::detail
