// SPDX-License-Identifier: MIT
// lmdb: dicts in an LMDB environment, which every process has open itself: no server answers calls.
// A read is a look-up in mapped memory without a lock or a system call; a change is a transaction
// under LMDB's lock, which is robust: one whose process is killed has never been. Nothing is
// synced, nothing is saved. Kernel objects: a directory (0700) with three files, where no address
// is given in /dev/shm; in each process three descriptors of it, and in a forked child its parent's
// as well. Wait class: block. Source: LMDB (lmdb.h). Limit: a key of up to 502 bytes, 16 GiB in
// all, as far as the file system has room for it; see table.h, canonical_key.h. Longer than most: a
// backend is one file, and here are its rows and the environments that a process has open.
#include <endian.h>
#include <fcntl.h>
#include <lmdb.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>

#include "impl/manager/table.h"

namespace ipc::detail {
namespace {

using Bytes = std::span<const std::byte>;

constexpr const char* kPlace = "/dev/shm/ipcbench-lmdb-";
constexpr const char* kEndedFile = "/ended";
constexpr std::size_t kMapSize = std::size_t{16} << 30;  // of addresses; the file grows as it must
constexpr unsigned kReaders = 1024;                      // threads, over all processes

// There was no room; the transaction has never been.
class NoRoom : public Error {
 public:
  using Error::Error;
};

void check(int result, const char* what) {
  if (result == 0) return;
  const std::string text = std::string(what) + ": " + mdb_strerror(result);
  if (result == MDB_MAP_FULL || result == MDB_TXN_FULL || result == MDB_READERS_FULL ||
      result == ENOSPC || result == EFBIG || result == EDQUOT ||
      result == EIO) {  // which is what LMDB makes of a short write
    throw NoRoom("no room for it in lmdb: " + text);
  }
  if (result > 0) throw std::system_error(result, std::generic_category(), text);
  throw Error("lmdb: " + text);
}

MDB_val value_of(const void* data, std::size_t size) {
  return {size, const_cast<void*>(data)};  // LMDB only reads it
}
Bytes bytes_of(const MDB_val& value) {
  return {static_cast<const std::byte*>(value.mv_data), value.mv_size};
}

// A name in the one tree there is: of a dict, of a row of it, or of a place in the order of its
// rows. One tree, for each named one would be looked up in each transaction.
enum class Kind : char { dict = 'd', order = 'o', row = 'r' };

class Name {
 public:
  static constexpr std::size_t kHead = 1 + sizeof(std::uint64_t);
  static constexpr std::size_t kMost = 511;  // LMDB's own

  Name(Kind kind, std::uint64_t dict) {
    data_[0] = static_cast<std::byte>(kind);
    append(dict);
  }
  Name(Kind kind, std::uint64_t dict, std::uint64_t place) : Name(kind, dict) { append(place); }
  Name(Kind kind, std::uint64_t dict, Bytes key) : Name(kind, dict) {
    if (key.size() > kMost - kHead) {
      throw ValueError("a key of " + std::to_string(key.size()) +
                       " bytes is too long for lmdb: at most " + std::to_string(kMost - kHead));
    }
    std::memcpy(&data_[size_], key.data(), key.size());
    size_ += key.size();
  }

  MDB_val value() const& { return value_of(data_.data(), size_); }
  MDB_val value() const&& = delete;  // it would outlive the name
  bool begins(const MDB_val& name) const {
    return name.mv_size >= size_ && std::memcmp(name.mv_data, data_.data(), size_) == 0;
  }

 private:
  // So that the order of the bytes is that of the numbers.
  void append(std::uint64_t number) {
    number = htobe64(number);
    std::memcpy(&data_[size_], &number, sizeof number);
    size_ += sizeof number;
  }

  std::size_t size_ = 1;
  std::array<std::byte, kMost> data_;
};

// What is stored of a dict. That of number 0 counts the dicts.
struct Header {
  std::uint64_t size = 0;
  std::uint64_t next = 0;  // place in the order
};

// Begun for each call: a thread keeps its slot in the table of readers, in memory of its own, so it
// takes neither a lock nor a system call, only the memory of the transaction.
class Transaction {
 public:
  Transaction(MDB_env* environment, unsigned flags) {
    check(mdb_txn_begin(environment, nullptr, flags, &transaction_), "mdb_txn_begin");
  }
  ~Transaction() {
    if (transaction_ != nullptr) mdb_txn_abort(transaction_);
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  MDB_txn* get() const { return transaction_; }
  void commit() { check(mdb_txn_commit(std::exchange(transaction_, nullptr)), "mdb_txn_commit"); }

 private:
  MDB_txn* transaction_ = nullptr;
};

class Cursor {
 public:
  Cursor(MDB_txn* transaction, MDB_dbi tree) {
    check(mdb_cursor_open(transaction, tree, &cursor_), "mdb_cursor_open");
  }
  ~Cursor() { mdb_cursor_close(cursor_); }
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;

  // False: there is none. `name`: from where on, then which.
  bool move(MDB_cursor_op how, MDB_val& name, MDB_val& value) {
    const int result = mdb_cursor_get(cursor_, &name, &value, how);
    if (result == MDB_NOTFOUND) return false;
    check(result, "mdb_cursor_get");
    return true;
  }
  void erase() { check(mdb_cursor_del(cursor_, 0), "mdb_cursor_del"); }

 private:
  MDB_cursor* cursor_ = nullptr;
};

// A row is its place in the order, then the value; a place in the order is the key.
class LmdbRows final : public Rows {
 public:
  static constexpr std::size_t kPlaceSize = sizeof(std::uint64_t);

  LmdbRows(MDB_txn* transaction, MDB_dbi tree, std::uint64_t dict)
      : transaction_(transaction), tree_(tree), dict_(dict) {}

  std::optional<Bytes> find(Bytes key) override {
    const std::optional<Bytes> row = look_up(Name(Kind::row, dict_, key));
    if (row) return row->subspan(kPlaceSize);
    header();  // whether it is one of a dict
    return std::nullopt;
  }
  void put(Bytes key, Bytes value) override {
    const Name name(Kind::row, dict_, key);
    if (const std::optional<Bytes> row = look_up(name)) {
      write_row(name, place_of(*row), value);
      return;
    }
    Header all = header();
    write_row(name, all.next, value);
    write(Name(Kind::order, dict_, all.next), key);
    ++all.next;
    ++all.size;
    set_header(all);
  }
  bool erase(Bytes key) override {
    const Name name(Kind::row, dict_, key);
    Header all = header();
    const std::optional<Bytes> row = look_up(name);
    if (!row) return false;
    erase(Name(Kind::order, dict_, place_of(*row)));
    erase(name);
    --all.size;
    set_header(all);
    return true;
  }
  void clear() override {
    Header all = header();
    erase_all(Name(Kind::row, dict_));
    erase_all(Name(Kind::order, dict_));
    all.size = 0;
    set_header(all);
  }
  std::size_t size() override { return header().size; }
  std::optional<Row> last() override {
    header();
    Cursor cursor(transaction_, tree_);
    // What comes behind them all, where there is such.
    const Name next(Kind::order, dict_ + 1);
    MDB_val name = next.value();
    MDB_val key{};
    const bool is_before = cursor.move(MDB_SET_RANGE, name, key);
    if (!cursor.move(is_before ? MDB_PREV : MDB_LAST, name, key)) return std::nullopt;
    if (!Name(Kind::order, dict_).begins(name)) return std::nullopt;
    return row_of(bytes_of(key));
  }
  void for_each(const std::function<void(Row)>& use) override {
    header();
    const Name all(Kind::order, dict_);
    Cursor cursor(transaction_, tree_);
    MDB_val name = all.value();
    MDB_val key{};
    for (bool is_there = cursor.move(MDB_SET_RANGE, name, key); is_there && all.begins(name);
         is_there = cursor.move(MDB_NEXT, name, key)) {
      use(row_of(bytes_of(key)));
    }
  }

  // Throws RemoteError when there is no such dict.
  Header header() const {
    const std::optional<Bytes> found = look_up(Name(Kind::dict, dict_));
    if (!found) throw_unknown_dict();
    Header header;
    std::memcpy(&header, found->data(), sizeof header);
    return header;
  }
  void set_header(const Header& header) {
    write(Name(Kind::dict, dict_), std::as_bytes(std::span(&header, 1)));
  }

 private:
  static std::uint64_t place_of(Bytes row) {
    std::uint64_t place = 0;
    std::memcpy(&place, row.data(), kPlaceSize);
    return place;
  }
  Row row_of(Bytes key) const {
    const std::optional<Bytes> row = look_up(Name(Kind::row, dict_, key));
    if (!row) throw Error("lmdb: a key has no row");
    return {key, row->subspan(kPlaceSize)};
  }
  std::optional<Bytes> look_up(const Name& name) const {
    MDB_val key = name.value();
    MDB_val value{};
    const int result = mdb_get(transaction_, tree_, &key, &value);
    if (result == MDB_NOTFOUND) return std::nullopt;
    check(result, "mdb_get");
    return bytes_of(value);
  }
  void write(const Name& name, Bytes content) {
    MDB_val key = name.value();
    MDB_val value = value_of(content.data(), content.size());
    check(mdb_put(transaction_, tree_, &key, &value, 0), "mdb_put");
  }
  void write_row(const Name& name, std::uint64_t place, Bytes content) {
    MDB_val key = name.value();
    MDB_val value = value_of(nullptr, kPlaceSize + content.size());
    check(mdb_put(transaction_, tree_, &key, &value, MDB_RESERVE), "mdb_put");
    std::memcpy(value.mv_data, &place, kPlaceSize);
    std::memcpy(static_cast<std::byte*>(value.mv_data) + kPlaceSize, content.data(),
                content.size());
  }
  void erase(const Name& name) {
    MDB_val key = name.value();
    check(mdb_del(transaction_, tree_, &key, nullptr), "mdb_del");
  }
  void erase_all(const Name& beginning) {
    Cursor cursor(transaction_, tree_);
    for (;;) {
      MDB_val name = beginning.value();
      MDB_val value{};
      if (!cursor.move(MDB_SET_RANGE, name, value) || !beginning.begins(name)) return;
      cursor.erase();
    }
  }

  MDB_txn* const transaction_;
  const MDB_dbi tree_;
  const std::uint64_t dict_;
};

Mapping ended_of(const PathInUse& path, int flags) {
  const std::string name = path.path() + kEndedFile;
  const UniqueFd file(open(name.c_str(), O_RDWR | O_CLOEXEC | flags, 0600));
  if (!file) throw_errno("open " + name);
  return {file.get(), sizeof(Ended)};
}

class Environment {
 public:
  explicit Environment(const std::string& path) {
    MDB_env* made = nullptr;
    check(mdb_env_create(&made), "mdb_env_create");
    environment_.reset(made);
    check(mdb_env_set_mapsize(made, kMapSize), "mdb_env_set_mapsize");
    check(mdb_env_set_maxreaders(made, kReaders), "mdb_env_set_maxreaders");
    // Not MDB_WRITEMAP: without a page for what it writes that is a SIGBUS, and here an error.
    check(mdb_env_open(made, path.c_str(), MDB_NOSYNC | MDB_NOMEMINIT, 0600), "mdb_env_open");
    drop_dead_readers();
    Transaction transaction(made, MDB_RDONLY);
    check(mdb_dbi_open(transaction.get(), nullptr, 0, &tree_), "mdb_dbi_open");
    transaction.commit();
  }

  template <class Use>
  auto read(const Use& use) const {
    return with_room([&] {
      const Transaction transaction(environment_.get(), MDB_RDONLY);
      return use(transaction.get(), tree_);
    });
  }
  template <class Use>
  auto change(const Use& use) const {
    return with_room([&] {
      Transaction transaction(environment_.get(), 0);
      auto result = use(transaction.get(), tree_);
      transaction.commit();
      return result;
    });
  }

 private:
  struct Close {
    void operator()(MDB_env* environment) const { mdb_env_close(environment); }
  };

  // A killed reader holds its slot and the pages that it has seen.
  template <class Call>
  auto with_room(const Call& call) const {
    try {
      return call();
    } catch (const NoRoom&) {
      if (drop_dead_readers() == 0) throw;
    }
    return call();
  }
  int drop_dead_readers() const {
    int dropped = 0;
    check(mdb_reader_check(environment_.get(), &dropped), "mdb_reader_check");
    return dropped;
  }

  std::unique_ptr<MDB_env, Close> environment_;
  MDB_dbi tree_ = 0;
};

// The environments that this process has open. One is open once only: its locks are the process's,
// and would end with the second one.
class Environments {
 public:
  // Never destroyed: stores may end after static objects.
  static Environments& here() {
    static auto* const all = new Environments;
    return *all;
  }

  Environment& take(const PathInUse& path) {
    const std::lock_guard hold(mutex_);
    auto found = all_.find(path.identity());
    if (found == all_.end()) {
      found =
          all_.emplace(path.identity(), Opened{std::make_unique<Environment>(path.path())}).first;
    }
    ++found->second.users;
    return *found->second.environment;
  }
  void give_back(const PathInUse::Identity& identity) {
    const std::lock_guard hold(mutex_);
    const auto found = all_.find(identity);
    if (--found->second.users == 0) all_.erase(found);
  }

  void lock() { mutex_.lock(); }
  void unlock() { mutex_.unlock(); }
  // In the child: to close one would take its parent's slots away.
  void leave() {
    for (auto& [identity, each] : all_) static_cast<void>(each.environment.release());
    all_.clear();
    mutex_.unlock();
  }

 private:
  struct Opened {
    std::unique_ptr<Environment> environment;
    int users = 0;
  };

  std::mutex mutex_;
  std::map<PathInUse::Identity, Opened> all_;
};

// Before the stores' own (stores.cc), which ask for an environment with their lock held, and may
// end in theirs.
const int registered_fork =
    pthread_atfork([] { Environments::here().lock(); }, [] { Environments::here().unlock(); },
                   [] { Environments::here().leave(); });

// Of one store.
class Use {
 public:
  static constexpr PathInUse::Kind kKind = PathInUse::Kind::directory;

  explicit Use(PathInUse path)
      : path_(std::move(path)),
        ended_(ended_of(path_, 0)),
        environment_(Environments::here().take(path_)) {}
  ~Use() { Environments::here().give_back(identity()); }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

  PathInUse::Identity identity() const { return path_.identity(); }
  const Ended& ended() const { return *static_cast<const Ended*>(ended_.address()); }
  const Environment& operator*() const { return environment_; }

 private:
  const PathInUse path_;
  const Mapping ended_;
  Environment& environment_;
};

class Lmdb final : public TableStore {
 public:
  explicit Lmdb(StorePlace place) : TableStore(std::move(place)) {}

  void connect(const std::string&) override {
    attached_.open(place().address);
    environment();
  }
  Object read(std::uint64_t dict, const TableStore::Use& use) override {
    return environment().read([&](MDB_txn* transaction, MDB_dbi tree) {
      LmdbRows rows(transaction, tree, dict);
      return use(rows);
    });
  }
  Object change(std::uint64_t dict, const TableStore::Use& use) override {
    return environment().change([&](MDB_txn* transaction, MDB_dbi tree) {
      LmdbRows rows(transaction, tree, dict);
      return use(rows);
    });
  }
  std::uint64_t create(const TableStore::Use& fill) override {
    return environment().change([&](MDB_txn* transaction, MDB_dbi tree) {
      LmdbRows dicts(transaction, tree, 0);
      Header all = dicts.header();
      const std::uint64_t dict = all.next++;
      dicts.set_header(all);
      LmdbRows rows(transaction, tree, dict);
      rows.set_header({});
      fill(rows);
      return dict;
    });
  }

  void before_fork() override { attached_.lock(); }
  void after_fork_in_parent() override { attached_.unlock(); }
  void after_fork_in_child() override {
    attached_.leave();
    attached_.unlock();
  }

 private:
  const Environment& environment() { return *attached_.get(place().address); }

  Attached<detail::Use> attached_;
};

// What is there last says that all is.
Mapping make(const PathInUse& path) {
  Environment(path.path()).change([](MDB_txn* transaction, MDB_dbi tree) {
    LmdbRows(transaction, tree, 0).set_header({0, first_dict()});
    return true;
  });
  return ended_of(path, O_CREAT | O_EXCL);
}

const RegisterTable<Lmdb> registered(
    "lmdb",
    {.summary =
         "dicts in an LMDB environment that each process opens, no server in the way; nothing "
         "is synced; access is by the files' mode, not by the key",
     .source = "LMDB",
     .wait_class = WaitClass::block,
     .max_message = kLongestMessage,
     .producers = kMany,
     .consumers = kMany,
     .on_kill =
         "a change of who is killed in it has never been; killed is the server, the clients go "
         "on without it",
     .leftovers =
         "a directory in /dev/shm, until the next manager of this backend starts that finds "
         "no process using it",
     .needs = "liblmdb-dev; room in /dev/shm",
     .available = why_no_shared_memory},
    PathInUse::Kind::directory, kPlace, make);

}  // namespace
}  // namespace ipc::detail
