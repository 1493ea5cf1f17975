// Server: one sample a query, at the times of a schedule that does not wait for answers; judged by
// the rate that is held while the p99 latency stays within its limit.
#include <algorithm>

#include "loadgen/arrivals.h"
#include "loadgen/policies/policy.h"
#include "loadgen/streams.h"

namespace lode::loadgen {
namespace {

/// Most queries that go to the SUT in one call.
constexpr std::size_t kCoalescedMax = 1024;

/// What the issue threads share. Whoever has the turn draws the next query and waits for its time;
/// it passes the turn on before it calls the SUT, which may take long: a query is late only when
/// every thread is in the SUT.
class ServerLoop {
 public:
  /// Opens the timed window when all is ready.
  ServerLoop(Issuer& issuer, std::span<const SampleIndex> loaded)
      : issuer_(issuer),
        settings_(issuer.settings()),
        clock_(issuer.clock()),
        stream_(loaded, 1, settings_),
        schedule_(settings_),
        is_shared_(settings_.issue_threads > 1 && !clock_.is_simulated()),
        has_limits_(settings_.max_query_count != 0 || settings_.max_duration_ns != 0 ||
                    settings_.max_open_queries != 0),
        may_stop_(settings_.mode == Mode::kPerformance &&
                  settings_.sample_order != SampleOrder::kUnique),
        round_(settings_.sample_order == SampleOrder::kPermutations ? loaded.size() : 1) {
    draw();
    issuer.open_window();
    window_ns_ = issuer.window_start_ns();
  }

  void work(std::size_t thread);
  [[nodiscard]] EndCause end() const { return *end_; }

 private:
  void draw();
  [[nodiscard]] std::optional<EndCause> end_of_queries() const;
  [[nodiscard]] std::optional<EndCause> limit_reached() const;
  void wait_until_due();
  [[nodiscard]] bool is_due_as_well() const;
  [[nodiscard]] std::size_t take_due(std::span<QuerySample> queries);
  void await_turn();
  void pass_turn();

  Issuer& issuer_;
  const Settings& settings_;
  Clock& clock_;
  QueryStream stream_;
  ArrivalSchedule schedule_;
  bool is_shared_;
  bool has_limits_;
  bool may_stop_;           ///< before the samples are at their end
  std::uint64_t round_;     ///< queries go in multiples of so many
  std::int64_t window_ns_;  ///< its begin

  // Of whoever has the turn. The next query is drawn when the one before it is with the SUT, so
  // that drawing delays none.
  bool is_drawn_ = false;
  std::optional<std::int64_t> due_ns_;  ///< of the next query, from the window's begin
  std::span<const SampleIndex> next_;   ///< empty: no more samples
  std::int64_t last_due_ns_ = -1;
  std::int64_t now_ns_ = 0;  ///< when the query that was taken last was due or overdue
  std::optional<EndCause> end_;

  std::atomic<std::uint64_t> tickets_{0};
  alignas(64) std::atomic<std::uint64_t> turn_{0};
};

void ServerLoop::draw() {
  next_ = stream_.next();
  due_ns_ = schedule_.next();
  is_drawn_ = true;
}

/// Whether there is a next query at all.
std::optional<EndCause> ServerLoop::end_of_queries() const {
  if (next_.empty()) return EndCause::kCompleted;
  // The schedule alone decides, so that equal seeds issue equal queries: the first that is due at
  // min_duration or later is the last.
  const std::uint64_t issued = issuer_.recorder().issued_queries();
  if (may_stop_ && last_due_ns_ >= settings_.min_duration_ns &&
      issued >= settings_.min_query_count && issued % round_ == 0) {
    return EndCause::kCompleted;
  }
  if (!due_ns_) return EndCause::kScheduleEnded;
  return std::nullopt;
}

std::optional<EndCause> ServerLoop::limit_reached() const {
  if (issuer_.has_too_many_open()) return EndCause::kTooManyOpen;
  return issuer_.limit_reached(now_ns_);
}

/// Sleeps in slices, each of which looks at what else could end the test.
void ServerLoop::wait_until_due() {
  end_ = end_of_queries();
  if (end_) [[unlikely]]
    return;
  const std::int64_t due_ns = window_ns_ + *due_ns_;
  for (now_ns_ = clock_.now_ns();; now_ns_ = clock_.now_ns()) {
    end_ = issuer_.trouble();
    if (!end_ && has_limits_) end_ = limit_reached();
    if (end_ || now_ns_ >= due_ns) return;
    clock_.sleep_until_ns(std::min(due_ns, now_ns_ + kLookEveryNs));
    if (clock_.is_simulated()) issuer_.look_for_overdue(clock_.now_ns());
  }
}

/// Whether the next query can go along with one that is due at now_ns_.
bool ServerLoop::is_due_as_well() const {
  return due_ns_ && window_ns_ + *due_ns_ <= now_ns_ && !end_of_queries() && !limit_reached();
}

/// Waits for the next query and commits it, and with coalescing all that are due by then.
std::size_t ServerLoop::take_due(std::span<QuerySample> queries) {
  std::size_t count = 0;
  while (count < queries.size()) {
    if (!is_drawn_) draw();
    if (count == 0) {
      wait_until_due();
      if (end_) [[unlikely]]
        break;
    } else if (!is_due_as_well()) {
      break;
    }
    if (!issuer_.prepare(next_, queries.subspan(count, 1))) {
      end_ = EndCause::kRecorderMemory;
      break;
    }
    last_due_ns_ = *due_ns_;
    is_drawn_ = false;
    issuer_.recorder().commit(window_ns_ + last_due_ns_, now_ns_, 1);
    ++count;
  }
  return count;
}

void ServerLoop::await_turn() {
  if (!is_shared_) return;
  const std::uint64_t mine = tickets_.fetch_add(1);
  while (!clock_.wait_for(turn_, mine, clock_.now_ns() + kLookEveryNs)) {
  }
}

void ServerLoop::pass_turn() {
  if (!is_shared_) return;
  turn_.fetch_add(1);
  clock_.notify(turn_);
}

void ServerLoop::work(std::size_t thread) {
  std::vector<QuerySample> buffer(settings_.coalesce ? kCoalescedMax : 1);
  while (true) {
    await_turn();
    const std::size_t count = end_ ? 0 : take_due(buffer);
    const std::int64_t now_ns = now_ns_;
    const bool is_over = end_.has_value();
    pass_turn();
    if (count > 0) issuer_.send({buffer.data(), count}, now_ns, thread);
    if (is_over) return;
  }
}

class Server final : public Policy {
 public:
  Scenario scenario() const override { return Scenario::kServer; }
  std::optional<double> default_percentile() const override { return 0.99; }
  std::optional<std::uint64_t> samples_per_query(const Settings&) const override { return 1; }
  bool is_closed_loop() const override { return false; }
  EndCause run(Issuer& issuer, std::span<const SampleIndex> loaded, std::uint64_t) const override {
    ServerLoop loop(issuer, loaded);
    issuer.run_on_issue_threads([&](std::size_t thread) { loop.work(thread); });
    return issuer.drain(loop.end());
  }
};

}  // namespace

const Policy& server_policy() {
  static const Server kPolicy;
  return kPolicy;
}

}  // namespace lode::loadgen
