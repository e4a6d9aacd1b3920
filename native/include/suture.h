/*
 * For authors of patches: callbacks that run in the process when a patch comes and goes, and shadow variables, which attach
 * data to objects whose structure cannot grow. Include it in a source that the diff changes; `suture build` finds it by itself.
 * C (gcc or clang, -std=gnu99 and later) and C++.
 *
 * CALLBACKS
 *
 *   static int check(void) { return limit > 100 ? 1 : 0; }      // the patch is refused, and nothing has changed
 *   SUTURE_PRE_PATCH(check)
 *   static void raise_limit(void) { limit = 50; }
 *   SUTURE_POST_PATCH(raise_limit)
 *
 * pre-patch     before the switch. Any number but 0 refuses the patch. Only this one can refuse.
 * post-patch    after the switch
 * pre-unpatch   before the switch back
 * post-unpatch  after it; also when a pre-patch callback has run and the patch did not come after all
 *
 * Each runs once in each process, on one of its own threads, on top of what that thread does, while all others run on. That
 * thread holds no lock of malloc, of the dynamic linker, or of the patch; it may hold any other, so a callback waits for no
 * lock that a sleeping thread may hold. It has two seconds and 256 KiB of stack. One that crashes, aborts, ends the process or
 * does not return is left where it is and counts as failed; the process lives on.
 *
 * SHADOW VARIABLES
 *
 *   struct session *s;
 *   int *tries = suture_shadow_get_or_make(s, TRIES, sizeof *tries, 0, 0);   // zeroes at first
 *   if (tries != 0 && ++*tries > 3) …
 *   suture_shadow_free(s, TRIES, 0);                                         // where s is freed
 *
 * Data belongs to (object, id); ids are yours to choose. Memory is the program's own malloc. All functions may be called from
 * any thread at any time; what the data holds is yours to protect. The data belongs to the patch: a patch that takes this one's
 * place begins without it, so it must be able to do with fresh data, and a post-unpatch callback should free it all.
 */
#ifndef SUTURE_H
#define SUTURE_H

#include <stddef.h>
#include <stdlib.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SUTURE_PRE_PATCH(function) SUTURE_CALLBACK_(int, pre_patch, function)
#define SUTURE_POST_PATCH(function) SUTURE_CALLBACK_(void, post_patch, function)
#define SUTURE_PRE_UNPATCH(function) SUTURE_CALLBACK_(void, pre_unpatch, function)
#define SUTURE_POST_UNPATCH(function) SUTURE_CALLBACK_(void, post_unpatch, function)

#define SUTURE_CALLBACK_(result, when, function) \
  static result (*const suture_##when##_##function)(void) __attribute__((used, section(".suture.callbacks." #when))) = function;

struct suture_shadow {
  struct suture_shadow *next;
  const void *object;
  unsigned long id;
  /* Aligned for anything. */
  char data[] __attribute__((aligned(16)));
};

#define SUTURE_SHADOW_BUCKETS 256

struct suture_shadow_bucket {
  int lock;
  struct suture_shadow *first;
};

/* One for the whole patch, however many of its units include this. */
__attribute__((weak, visibility("hidden"))) struct suture_shadow_bucket suture_shadow_buckets[SUTURE_SHADOW_BUCKETS];

/* Held for a few instructions; who holds it may have been put aside, so the others let it have their time. */
static inline void suture_shadow_lock_bucket(struct suture_shadow_bucket *bucket) {
  while (__atomic_exchange_n(&bucket->lock, 1, __ATOMIC_ACQUIRE) != 0) {
    long yielded;
    __asm__ volatile("syscall" : "=a"(yielded) : "0"(24L /* sched_yield */) : "rcx", "r11", "memory");
    (void)yielded;
  }
}

static inline struct suture_shadow_bucket *suture_shadow_lock(const void *object, unsigned long id) {
  const unsigned long hash = ((unsigned long)object >> 4 ^ id) * 0x9e3779b97f4a7c15ul;
  struct suture_shadow_bucket *const bucket = &suture_shadow_buckets[hash >> 56];
  suture_shadow_lock_bucket(bucket);
  return bucket;
}

static inline void suture_shadow_unlock(struct suture_shadow_bucket *bucket) { __atomic_store_n(&bucket->lock, 0, __ATOMIC_RELEASE); }

static inline struct suture_shadow **suture_shadow_find(struct suture_shadow_bucket *bucket, const void *object, unsigned long id) {
  struct suture_shadow **place = &bucket->first;
  while (*place != 0 && ((*place)->object != object || (*place)->id != id)) place = &(*place)->next;
  return place;
}

/* The data, or a null pointer where none has been made. */
static inline void *suture_shadow_get(const void *object, unsigned long id) {
  struct suture_shadow_bucket *const bucket = suture_shadow_lock(object, id);
  struct suture_shadow *const found = *suture_shadow_find(bucket, object, id);
  suture_shadow_unlock(bucket);
  return found == 0 ? 0 : found->data;
}

/*
 * The data, made where there is none: `size` zero bytes, then `construct`, if it is given, which may refuse with any number but
 * 0. A null pointer when there is no memory or it has refused. Of two threads that come at once one makes the data that both
 * get; the other's is freed without a word, so `construct` should do nothing that would have to be undone.
 */
static inline void *suture_shadow_get_or_make(const void *object, unsigned long id, size_t size, int (*construct)(const void *object, void *data, void *context), void *context) {
  struct suture_shadow_bucket *bucket;
  struct suture_shadow *made, *found;
  void *const known = suture_shadow_get(object, id);
  if (known != 0) return known;
  made = (struct suture_shadow *)calloc(1, sizeof *made + size);
  if (made == 0) return 0;
  made->object = object;
  made->id = id;
  if (construct != 0 && construct(object, made->data, context) != 0) {
    free(made);
    return 0;
  }
  bucket = suture_shadow_lock(object, id);
  found = *suture_shadow_find(bucket, object, id);
  if (found == 0) {
    made->next = bucket->first;
    bucket->first = made;
  }
  suture_shadow_unlock(bucket);
  if (found == 0) return made->data;
  free(made);
  return found->data;
}

/* Where the object goes. Nobody may use the data any more. */
static inline void suture_shadow_free(const void *object, unsigned long id, void (*destruct)(const void *object, void *data)) {
  struct suture_shadow_bucket *const bucket = suture_shadow_lock(object, id);
  struct suture_shadow **const place = suture_shadow_find(bucket, object, id);
  struct suture_shadow *const found = *place;
  if (found != 0) *place = found->next;
  suture_shadow_unlock(bucket);
  if (found == 0) return;
  if (destruct != 0) destruct(object, found->data);
  free(found);
}

/* All data of this id, of whatever object. */
static inline void suture_shadow_free_all(unsigned long id, void (*destruct)(const void *object, void *data)) {
  size_t i;
  for (i = 0; i < SUTURE_SHADOW_BUCKETS; ++i) {
    struct suture_shadow_bucket *const bucket = &suture_shadow_buckets[i];
    for (;;) {
      struct suture_shadow *found, **place;
      suture_shadow_lock_bucket(bucket);
      for (place = &bucket->first; *place != 0 && (*place)->id != id; place = &(*place)->next) {}
      found = *place;
      if (found != 0) *place = found->next;
      suture_shadow_unlock(bucket);
      if (found == 0) break;
      if (destruct != 0) destruct(found->object, found->data);
      free(found);
    }
  }
}

#ifdef __cplusplus
}
#endif

#endif
