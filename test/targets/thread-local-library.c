/* A library with thread-local variables of every sort. FIXED becomes 1 in the patch. */
#define FIXED 0
#define V(before, after) (FIXED ? (after) : (before))

__thread long exported_own = 3;
__attribute__((visibility("hidden"))) __thread long inner_own = 4;
static __thread long hidden_own = 5;
static __thread char room[100];

long library_count(long n) {
  exported_own += n; inner_own -= n; hidden_own ^= n; room[n % 100]++;
  return exported_own * V(1, 2) + inner_own * V(3, 1) + hidden_own * V(1, 3) + room[n % 100];
}
