// SPDX-License-Identifier: MIT
// boost_map: dicts as boost::interprocess maps in a managed segment that every process has mapped:
// no server answers calls. A call is a look-up under one robust lock, which all dicts share, and no
// system call while nobody else has it. A row also knows its neighbours in the order of insertion.
// Kernel objects: a file of 32 MiB (0600), where no address is given in /dev/shm, all of it there
// from the beginning; in each process a descriptor of it. Wait class: block. Source:
// Boost.Interprocess, "Managed Memory Segments" and "Allocators, containers". Limit: the 32 MiB; a
// process killed inside a change breaks the map for all; see table.h, canonical_key.h.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/interprocess/allocators/allocator.hpp>
#include <boost/interprocess/containers/map.hpp>
#include <boost/interprocess/containers/vector.hpp>
#include <boost/interprocess/indexes/iset_index.hpp>
#include <boost/interprocess/managed_external_buffer.hpp>
#include <boost/interprocess/offset_ptr.hpp>
#include <cstring>

#include "impl/manager/change_lock.h"
#include "impl/manager/table.h"

namespace ipc::detail {
namespace {

namespace bi = boost::interprocess;

constexpr const char* kPlace = "/dev/shm/ipcbench-map-";
constexpr std::size_t kBytes = std::size_t{32} << 20;
constexpr std::size_t kLongestValue = kBytes / 4;  // for which there is room beside its predecessor

// Its allocator needs no lock, as it is used under ours.
using Segment = bi::basic_managed_external_buffer<char, bi::rbtree_best_fit<bi::null_mutex_family>,
                                                  bi::iset_index>;
template <class T>
using Allocator = bi::allocator<T, Segment::segment_manager>;
using Stored = bi::vector<std::byte, Allocator<std::byte>>;

Rows::Span span_of(const Stored& bytes) { return {bytes.data(), bytes.size()}; }
Rows::Span span_of(Rows::Span bytes) { return bytes; }

// Any order will do.
struct Before {
  using is_transparent = void;
  bool operator()(const auto& a, const auto& b) const {
    const Rows::Span left = span_of(a);
    const Rows::Span right = span_of(b);
    if (left.size() != right.size()) return left.size() < right.size();
    return !left.empty() && std::memcmp(left.data(), right.data(), left.size()) < 0;
  }
};

struct Content;
using Map = bi::map<Stored, Content, Before, Allocator<std::pair<const Stored, Content>>>;
using Entry = std::pair<const Stored, Content>;
struct Content {
  explicit Content(Stored a_value) : value(std::move(a_value)) {}
  Stored value;
  bi::offset_ptr<Entry> before = nullptr;  // in the order of insertion
  bi::offset_ptr<Entry> after = nullptr;
};

struct Dict {
  explicit Dict(Segment::segment_manager* manager) : rows(Before(), manager) {}
  Map rows;
  bi::offset_ptr<Entry> first = nullptr;
  bi::offset_ptr<Entry> last = nullptr;
};
using Dicts =
    bi::map<std::uint64_t, Dict, std::less<>, Allocator<std::pair<const std::uint64_t, Dict>>>;

struct Root {
  explicit Root(Segment::segment_manager* manager) : dicts(std::less<>(), manager) {}
  Dicts dicts;
  std::uint64_t next = first_dict();
};

// At the beginning of the file.
struct Header {
  Ended ended;  // the first, as TableHost wants it
  static constexpr std::uint32_t kComplete = 0x69706d31;
  std::atomic<std::uint32_t> complete{0};
  ChangeLock lock;
  bi::offset_ptr<Root> root = nullptr;
};
constexpr std::size_t kSegmentAt = 4096;
static_assert(sizeof(Header) <= kSegmentAt);

class BoostRows final : public Rows {
 public:
  BoostRows(Dict& dict, Segment::segment_manager* manager) : dict_(dict), manager_(manager) {}

  std::optional<Span> find(Span key) override {
    const auto found = dict_.rows.find(key);
    if (found == dict_.rows.end()) return std::nullopt;
    return span_of(found->second.value);
  }
  void put(Span key, Span value) override {
    const auto found = dict_.rows.find(key);
    if (found != dict_.rows.end()) {
      replace(found->second.value, value);
    } else {
      const auto made = dict_.rows.try_emplace(stored(key), stored(value)).first;
      link(*made);
    }
  }
  bool erase(Span key) override {
    const auto found = dict_.rows.find(key);
    if (found == dict_.rows.end()) return false;
    unlink(*found);
    dict_.rows.erase(found);
    return true;
  }
  void clear() override {
    dict_.rows.clear();
    dict_.first = nullptr;
    dict_.last = nullptr;
  }
  std::size_t size() override { return dict_.rows.size(); }
  std::optional<Row> last() override {
    if (!dict_.last) return std::nullopt;
    return row_of(*dict_.last);
  }
  void for_each(const std::function<void(Row)>& use) override {
    for (const Entry* each = dict_.first.get(); each != nullptr; each = each->second.after.get()) {
      use(row_of(*each));
    }
  }

 private:
  static Row row_of(const Entry& entry) {
    return {span_of(entry.first), span_of(entry.second.value)};
  }
  Stored stored(Span bytes) const {
    return Stored(bytes.data(), bytes.data() + bytes.size(), manager_);
  }
  // In its memory where it fits, which it gives back when it is far too large.
  static void replace(Stored& old, Span value) {
    old.assign(value.data(), value.data() + value.size());
    if (old.capacity() / 4 > value.size() + 64) old.shrink_to_fit();
  }
  void link(Entry& entry) {
    entry.second.before = dict_.last;
    (dict_.last ? dict_.last->second.after : dict_.first) = &entry;
    dict_.last = &entry;
  }
  void unlink(Entry& entry) {
    const auto [before, after] = std::pair(entry.second.before, entry.second.after);
    (before ? before->second.after : dict_.first) = after;
    (after ? after->second.before : dict_.last) = before;
  }

  Dict& dict_;
  Segment::segment_manager* const manager_;
};

class SharedMap {
 public:
  static constexpr PathInUse::Kind kKind = PathInUse::Kind::file;

  explicit SharedMap(PathInUse path) : path_(std::move(path)), memory_(mapped(path_)) {
    if (header().complete.load(std::memory_order_acquire) != Header::kComplete) {
      errno = EINVAL;
      throw_errno(path_.path() + " is no map");
    }
    segment_ = Segment(bi::open_only, static_cast<char*>(memory_.address()) + kSegmentAt,
                       kBytes - kSegmentAt);
  }

  PathInUse::Identity identity() const { return path_.identity(); }
  const Ended& ended() const { return header().ended; }

  // Throws RemoteError when there is no such dict.
  Object use(ChangeLock::For what, std::uint64_t dict, const TableStore::Use& use) {
    return locked(what, [&] {
      const auto found = header().root->dicts.find(dict);
      if (found == header().root->dicts.end()) throw_unknown_dict();
      BoostRows rows(found->second, segment_.get_segment_manager());
      return use(rows);
    });
  }
  std::uint64_t create(const TableStore::Use& fill) {
    return locked(ChangeLock::For::changing, [&] {
      Segment::segment_manager* const manager = segment_.get_segment_manager();
      Root& root = *header().root;
      const auto made = root.dicts.try_emplace(root.next, manager).first;
      try {
        BoostRows rows(made->second, manager);
        fill(rows);
      } catch (...) {
        root.dicts.erase(made);
        throw;
      }
      return root.next++;
    });
  }

  static Mapping make(const PathInUse& path) {
    Mapping memory(path.fd().get(), kBytes);
    auto& header = *new (memory.address()) Header;
    Segment segment(bi::create_only, static_cast<char*>(memory.address()) + kSegmentAt,
                    kBytes - kSegmentAt);
    header.root = segment.construct<Root>(bi::anonymous_instance)(segment.get_segment_manager());
    header.complete.store(Header::kComplete, std::memory_order_release);  // pairs with the opening
    return memory;
  }

 private:
  // A file of another size is left as it is.
  static Mapping mapped(const PathInUse& path) {
    struct stat about {};
    if (fstat(path.fd().get(), &about) != 0) throw_errno("fstat " + path.path());
    if (about.st_size != static_cast<off_t>(kBytes)) {
      errno = EINVAL;
      throw_errno(path.path() + " is no map");
    }
    return {path.fd().get(), kBytes};
  }

  Header& header() const { return *static_cast<Header*>(memory_.address()); }

  template <class Call>
  auto locked(ChangeLock::For what, const Call& call) -> decltype(call()) {
    const ChangeLock::Hold hold(header().lock, what);
    try {
      return call();
    } catch (const bi::bad_alloc&) {
      throw Error("no room for it in the map: it has " + std::to_string(kBytes >> 20) +
                  " MiB, of which " + std::to_string(segment_.get_free_memory()) +
                  " bytes are free");
    }
  }

  const PathInUse path_;
  const Mapping memory_;
  Segment segment_;
};

class BoostMap final : public TableStore {
 public:
  explicit BoostMap(StorePlace place) : TableStore(std::move(place)) {}

  void connect(const std::string&) override {
    attached_.open(place().address);
    map();
  }
  Object read(std::uint64_t dict, const Use& use) override {
    return map().use(ChangeLock::For::reading, dict, use);
  }
  Object change(std::uint64_t dict, const Use& use) override {
    return map().use(ChangeLock::For::changing, dict, use);
  }
  std::uint64_t create(const Use& fill) override { return map().create(fill); }

  // A child uses what its parent has mapped.
  void before_fork() override { attached_.lock(); }
  void after_fork_in_parent() override { attached_.unlock(); }
  void after_fork_in_child() override { attached_.unlock(); }

 private:
  SharedMap& map() { return attached_.get(place().address); }

  Attached<SharedMap> attached_;
};

const RegisterTable<BoostMap> registered(
    "boost_map",
    {.summary =
         "dicts as boost::interprocess maps in a segment of 32 MiB that each process has "
         "mapped, under one robust lock, no server in the way; access is by the file's mode, "
         "not by the key",
     .source = "Boost.Interprocess, Managed Memory Segments",
     .wait_class = WaitClass::block,
     .max_message = kLongestValue,
     .producers = kMany,
     .consumers = kMany,
     .killed = {.inside = AfterKill::error},
     .on_kill = "killed inside a change: each later call is an error; killed is the server, the "
                "clients go on without it",
     .leftovers =
         "a file of 32 MiB in /dev/shm, until the next manager of this backend starts that "
         "finds no process using it",
     .needs = "Boost.Interprocess; room in /dev/shm",
     .available = why_no_shared_memory},
    PathInUse::Kind::file, kPlace, SharedMap::make);

}  // namespace
}  // namespace ipc::detail
