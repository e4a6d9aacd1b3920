#include "stacks-ahead.h"

#include "processors.h"
#include "resident-pages.h"
#include "tracing-thread.h"

#include <algorithm>

namespace suture {

namespace {

/** With fewer nobody helps to read stacks (stack-readers.h), and the stop itself is short. */
constexpr size_t leastThreads = 8;
/** What is shorter is read in the stop by the same call. */
constexpr uint64_t leastLength = 16 << 10;
constexpr uint64_t mostLength = 1 << 20;
constexpr int mostHits = 16;
/**
 * So much from the stack pointer on is read in the stop all the same. A thread that waits for a processor may do so in the kernel, while a signal is
 * delivered to it: the frame of that is yet to be written, and the instruction it interrupts stands within the frame's first 200 bytes.
 */
constexpr uint64_t newest = 4 << 10;

/** libc puts a page that nobody may touch below each stack that it makes. */
bool looksLikeStack(std::span<const Mapping> mappings, const Mapping& mapping) {
  if (!mapping.readable || !mapping.writable || mapping.isShared || mapping.inode != 0) return false;
  return mapping.path == "[stack]" || guardBelow(mappings, mapping.range.start) != nullptr;
}

/** The run of touched pages that ends with the mapping; empty when there is none. */
RemoteRange touchedEnd(ResidentPages& pages, const RemoteRange& mapping) {
  const RemoteRange end = {std::max(mapping.start, mapping.end - std::min(mostLength, mapping.length())), mapping.end};
  RemoteRange last = {end.start, end.start};
  pages.visit(end, mostLength, [&](const RemoteRange& run) {
    last = {run.start == last.end ? last.start : run.start, run.end};
    return true;
  });
  return last.end == mapping.end ? last : RemoteRange{mapping.end, mapping.end};
}

/** The upper part of it that holds no word that returns into a range. */
RemoteRange searchPart(pid_t pid, RemoteRange part, const ForbiddenRanges& forbidden, StackSearcher& searcher) {
  for (int hits = 0; hits < mostHits; ++hits) {
    const StackScan scan = searcher.search({pid, &forbidden, part, mostLength, sizeof(uint64_t)});
    if (scan.isClean()) return part;
    if (!scan.hit) break;
    part.start = RemotePtr(*scan.hit + sizeof(uint64_t));
  }
  return {part.end, part.end};
}

}  // namespace

bool StacksAhead::prepare(pid_t pid) { return waiting_.watch(pid) >= std::max(leastThreads, countProcessors() + 1); }

void StacksAhead::search(pid_t pid, std::span<const Mapping> mappings, const ForbiddenRanges& forbidden, uint64_t deadline) {
  ResidentPages pages(pid);
  if (!pages.isKnown()) return;
  StackSearcher searcher;
  waiting_.begin();
  for (const Mapping& mapping : mappings) {
    if (now() >= deadline) break;
    if (!looksLikeStack(mappings, mapping)) continue;
    const RemoteRange touched = touchedEnd(pages, mapping.range);
    if (touched.length() < leastLength) continue;
    const RemoteRange part = searchPart(pid, touched, forbidden, searcher);
    if (part.length() >= leastLength) settled_.push_back(part);
  }
}

void StacksAhead::noteAsked(pid_t tid) {
  if (!settled_.empty()) waiting_.noteAsked(tid);
}

std::optional<SettledPart> StacksAhead::settledOf(pid_t tid, const RemoteRange& used) const {
  if (settled_.empty() || !waiting_.wasGivenNone(tid)) return {};
  const auto part = std::lower_bound(settled_.begin(), settled_.end(), used.end, [](const RemoteRange& each, RemotePtr end) { return each.end < end; });
  if (part == settled_.end()) return {};
  const RemotePtr start = std::max(part->start, used.start + newest);
  if (start >= used.end) return {};
  return SettledPart{start, &waiting_, tid};
}

}  // namespace suture
