// The least that a responder in user space can do, as the peer that Fairlead's wire worker is compared with: one
// recvmmsg(2) and one sendmmsg(2) a batch, no state but a range of addresses. Its main thread does what an agent's may:
// after the line `busy` on stdin it is blocked 50 ms in every 100, until `idle`.
//
// Usage: arp-responder LINK FIRST_ADDRESS COUNT, or without arguments for the load alone.

#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <time.h>

#include "arp.h"

#define BATCH 64
#define SLOT 128
#define BUFFER_BYTES (4 << 20)
#define BLOCKED_NS 50000000
#define FREE_MS 50

static struct link_socket uplink;
static uint32_t first, count;

static uint8_t received[BATCH][SLOT];
static struct arp_frame replies[BATCH];

static int is_for_us(const struct arp_frame *frame, unsigned length) {
  return length >= sizeof *frame && frame->hardware == htons(1) && frame->protocol == htons(ETH_P_IP) &&
         frame->hardware_length == ETH_ALEN && frame->protocol_length == 4 && ntohl(frame->target_ip) - first < count;
}

static void write_reply(struct arp_frame *reply, const struct arp_frame *request) {
  memcpy(reply->destination, request->source, ETH_ALEN);
  reply->sender_ip = request->target_ip;
  memcpy(reply->target_mac, request->sender_mac, ETH_ALEN);
  reply->target_ip = request->sender_ip;
}

static void prepare(struct mmsghdr *message, struct iovec *vector) {
  memset(message, 0, sizeof *message);
  message->msg_hdr.msg_iov = vector;
  message->msg_hdr.msg_iovlen = 1;
}

static void *respond(void *unused) {
  static struct mmsghdr in[BATCH], out[BATCH];
  static struct iovec in_vectors[BATCH], out_vectors[BATCH];
  (void)unused;
  for (int i = 0; i < BATCH; i++) {
    in_vectors[i] = (struct iovec){received[i], SLOT};
    out_vectors[i] = (struct iovec){&replies[i], sizeof replies[i]};
    prepare(&in[i], &in_vectors[i]);
    prepare(&out[i], &out_vectors[i]);
    fill_constants(&replies[i], REPLY);
    memcpy(replies[i].source, uplink.mac, ETH_ALEN);
    memcpy(replies[i].sender_mac, uplink.mac, ETH_ALEN);
  }
  for (;;) {
    int taken = recvmmsg(uplink.fd, in, BATCH, MSG_WAITFORONE, NULL);
    must(taken, "receive");
    int answered = 0;
    for (int i = 0; i < taken; i++) {
      const struct arp_frame *request = (const struct arp_frame *)received[i];
      if (is_for_us(request, in[i].msg_len)) write_reply(&replies[answered++], request);
    }
    for (int sent = 0; sent < answered;) {
      int more = sendmmsg(uplink.fd, out + sent, answered - sent, 0);
      must(more, "transmit");
      sent += more;
    }
  }
  return NULL;
}

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static void block(void) {
  int64_t end = now() + BLOCKED_NS;
  while (now() < end);
}

static void say(const char *word) {
  puts(word);
  fflush(stdout);
}

// Ends with its input.
static void obey(void) {
  char line[16];
  int is_busy = 0;
  for (;;) {
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    if (is_busy) block();
    if (poll(&input, 1, is_busy ? FREE_MS : -1) <= 0) continue;
    ssize_t length = read(STDIN_FILENO, line, sizeof line);
    if (length <= 0) return;
    is_busy = line[0] == 'b';
    say(is_busy ? "busy" : "idle");
  }
}

int main(int argc, char **argv) {
  if (argc != 1 && argc != 4) {
    fprintf(stderr, "usage: arp-responder [LINK FIRST_ADDRESS COUNT]\n");
    return 2;
  }
  if (argc == 4) {
    uplink = open_link(argv[1], REQUEST, BUFFER_BYTES);
    first = ntohl(inet_addr(argv[2]));
    count = atoi(argv[3]);
    pthread_t thread;
    if (pthread_create(&thread, NULL, respond, NULL) != 0) fail("start thread");
  }
  say("ready");
  obey();
  return 0;
}
