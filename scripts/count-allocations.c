// A library to preload: counts calls of malloc and its relatives and writes the count to $ALLOCATIONS at exit. glibc.
//
// With $ALLOCATION_TRACE it writes a line for each call: the bytes, and the return addresses of the callers in the
// executable as offsets, for llvm-symbolizer.
#define _GNU_SOURCE
#include <execinfo.h>
#include <link.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

static atomic_long calls;
static FILE *trace;
static uintptr_t first, last;
static __thread int tracing;

static void count(size_t bytes) {
  atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed);
  if (!trace || tracing) return;
  tracing = 1;
  void *frames[32];
  int depth = backtrace(frames, 32);
  fprintf(trace, "%zu", bytes);
  for (int i = 0; i < depth; i++)
    if ((uintptr_t)frames[i] >= first && (uintptr_t)frames[i] < last)
      fprintf(trace, " 0x%zx", (size_t)((uintptr_t)frames[i] - first - 1));
  fputc('\n', trace);
  tracing = 0;
}

void *malloc(size_t n) {
  count(n);
  return __libc_malloc(n);
}

void *calloc(size_t n, size_t size) {
  count(n * size);
  return __libc_calloc(n, size);
}

void *realloc(void *old, size_t n) {
  count(n);
  return __libc_realloc(old, n);
}

void *memalign(size_t alignment, size_t n) {
  count(n);
  return __libc_memalign(alignment, n);
}

void *aligned_alloc(size_t alignment, size_t n) { return memalign(alignment, n); }

int posix_memalign(void **out, size_t alignment, size_t n) {
  void *room = memalign(alignment, n);
  if (!room) return 12;  // ENOMEM
  *out = room;
  return 0;
}

/// The executable is the first object that the loader lists.
static int executable(struct dl_phdr_info *info, size_t size, void *unused) {
  (void)size, (void)unused;
  first = info->dlpi_addr;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    uintptr_t end = first + info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz;
    if (info->dlpi_phdr[i].p_type == PT_LOAD && end > last) last = end;
  }
  return 1;
}

__attribute__((constructor)) static void start(void) {
  const char *path = getenv("ALLOCATION_TRACE");
  if (!path) return;
  dl_iterate_phdr(executable, 0);
  trace = fopen(path, "w");
}

__attribute__((destructor)) static void stop(void) {
  const char *path = getenv("ALLOCATIONS");
  long total = calls;
  if (trace) fclose(trace);
  trace = 0;
  FILE *file = path ? fopen(path, "w") : 0;
  if (!file) return;
  fprintf(file, "%ld\n", total);
  fclose(file);
}
