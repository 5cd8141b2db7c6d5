// launch REPORT COMMAND ARGUMENT…: runs a command and writes its wall-clock seconds, processor seconds and peak memory
// in bytes to the file REPORT. Small, because a child's peak counts what its parent held when it was forked.
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double in_seconds(struct timeval t) { return (double)t.tv_sec + 1e-6 * (double)t.tv_usec; }

int main(int count, char **argument) {
  if (count < 3) {
    fprintf(stderr, "usage: launch REPORT COMMAND ARGUMENT…\n");
    return 64;
  }
  struct timespec start, end;
  struct rusage usage;
  int status = 0;
  clock_gettime(CLOCK_MONOTONIC, &start);
  pid_t child = fork();
  if (child == 0) {
    execvp(argument[2], argument + 2);
    perror(argument[2]);
    _exit(127);
  }
  if (child < 0 || wait4(child, &status, 0, &usage) < 0) {
    perror("launch");
    return 71;
  }
  clock_gettime(CLOCK_MONOTONIC, &end);
  FILE *report = fopen(argument[1], "w");
  if (!report) {
    perror(argument[1]);
    return 73;
  }
#ifdef __APPLE__
  double unit = 1;
#else
  double unit = 1024;
#endif
  fprintf(
      report, "wall_seconds %.6f\nprocessor_seconds %.6f\npeak_bytes %.0f\n",
      (double)(end.tv_sec - start.tv_sec) + 1e-9 * (double)(end.tv_nsec - start.tv_nsec),
      in_seconds(usage.ru_utime) + in_seconds(usage.ru_stime), unit * (double)usage.ru_maxrss);
  fclose(report);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
