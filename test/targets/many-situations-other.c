/* The other unit of many-situations.c: names that both have, and a function with the same static one. */
static long state = 1000;
static long table[2] = { 5, 6 };
long other_global = 50;

static __attribute__((noinline)) long shortest(long n) { state += 3; return n + state; }
long other_unit(long n) { table[n & 1] += n; return shortest(n) + table[n & 1]; }
