// Sends given Ethernet frames over and over, as evenly as a millisecond allows.
//
// Usage: frame-flooder LINK FRAMES_PER_SECOND MILLISECONDS. Frames come as lines of hexadecimal digits on stdin, to its
// end; they are sent in turn. Who comes late makes up for 10 ms at most. Prints {"sent": N, "seconds": S}.

#define _GNU_SOURCE
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH 64
#define FRAMES 1024
#define FRAME_BYTES 1514
#define SECOND_NS INT64_C(1000000000)
#define TICK_NS INT64_C(1000000)
#define LATE_NS INT64_C(10000000)

static uint8_t frames[FRAMES][FRAME_BYTES];
static int lengths[FRAMES];
static int frame_count;

static void fail(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

static void read_frames(void) {
  char line[2 * FRAME_BYTES + 2];
  while (frame_count < FRAMES && fgets(line, sizeof line, stdin) != NULL) {
    int length = 0;
    while (sscanf(line + 2 * length, "%2hhx", &frames[frame_count][length]) == 1) length++;
    if (length > 0) lengths[frame_count++] = length;
  }
  if (frame_count > 0) return;
  fprintf(stderr, "read frames: none on stdin\n");
  exit(1);
}

static int open_link(const char *name) {
  int on = 1;
  // Protocol 0: nothing is received.
  int fd = socket(AF_PACKET, SOCK_RAW, 0);
  if (fd < 0) fail("open packet socket");
  // Straight to the driver, past the queueing of the host.
  if (setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on) < 0) fail("bypass queueing");
  struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = if_nametoindex(name)};
  if (address.sll_ifindex == 0) fail("find link");
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) fail("bind to link");
  return fd;
}

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static void sleep_until(int64_t instant) {
  struct timespec time = {instant / 1000000000, instant % 1000000000};
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
}

static struct mmsghdr messages[BATCH];
static struct iovec vectors[BATCH];

// The frames from `first` on; returns how many have left.
static int send_batch(int fd, int64_t first, int count) {
  for (int i = 0; i < count; i++) {
    int frame = (first + i) % frame_count;
    vectors[i] = (struct iovec){frames[frame], lengths[frame]};
    messages[i].msg_hdr = (struct msghdr){.msg_iov = &vectors[i], .msg_iovlen = 1};
  }
  int sent = sendmmsg(fd, messages, count, 0);
  if (sent < 0 && errno != ENOBUFS && errno != EAGAIN) fail("transmit");
  return sent < 0 ? 0 : sent;
}

int main(int argc, char **argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: frame-flooder LINK FRAMES_PER_SECOND MILLISECONDS < FRAMES\n");
    return 2;
  }
  int64_t rate = atol(argv[2]), end = atol(argv[3]) * INT64_C(1000000), elapsed = 0;
  int64_t most = rate * LATE_NS / SECOND_NS, skipped = 0, sent = 0;
  read_frames();
  int fd = open_link(argv[1]);
  int64_t began = now();
  for (int64_t tick = 1; elapsed < end; tick++) {
    sleep_until(began + tick * TICK_NS);
    elapsed = now() - began;
    int64_t due = elapsed * rate / SECOND_NS - skipped - sent;
    if (due > most) skipped += due - most;
    for (int64_t left = due > most ? most : due; left > 0; left -= BATCH)
      sent += send_batch(fd, sent, left < BATCH ? left : BATCH);
  }
  printf("{\"sent\":%lld,\"seconds\":%.3f}\n", (long long)sent, (now() - began) / 1e9);
  return 0;
}
