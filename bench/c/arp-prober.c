// Asks for addresses by ARP and times the replies of one responder.
//
// Usage: arp-prober LINK FIRST_ADDRESS COUNT RESPONDER_MAC latency PROBES GAP_US
//        arp-prober LINK FIRST_ADDRESS COUNT RESPONDER_MAC rate MILLISECONDS WINDOW
//
// latency: one request at a time, for addresses in no order, GAP_US after the answer to the one before. From before the
// request is given to the link to the kernel's own time stamp of the reply's arrival: how long this program then takes to
// wake up is not the responder's. Prints {"lost": N, "micros": [...]}.
//
// rate: WINDOW requests outstanding all the time. Prints {"lost": N, "replies": N, "seconds": S}.

#define _GNU_SOURCE
#include <errno.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <time.h>

#include "arp.h"

#define BATCH 64
#define SLOT 128
#define BUFFER_BYTES (8 << 20)
#define LATENCY_LIMIT_US 300000
#define RATE_LIMIT_US 50000
#define SENDER_IP "10.77.255.254"

static struct link_socket uplink;
static uint32_t first, count;
static uint8_t responder[ETH_ALEN];

static int64_t nanoseconds(struct timespec time) { return time.tv_sec * INT64_C(1000000000) + time.tv_nsec; }

static int64_t now(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return nanoseconds(time);
}

static void limit_receive(int microseconds) {
  struct timeval limit = {microseconds / 1000000, microseconds % 1000000};
  must(setsockopt(uplink.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), "limit receive");
}

static int has_timed_out(void) {
  if (errno != EAGAIN) fail("receive");
  return 1;
}

static void prepare_request(struct arp_frame *request) {
  fill_constants(request, REQUEST);
  memset(request->destination, 0xff, ETH_ALEN);
  memcpy(request->source, uplink.mac, ETH_ALEN);
  memcpy(request->sender_mac, uplink.mac, ETH_ALEN);
  request->sender_ip = inet_addr(SENDER_IP);
}

// A proper reply of the responder that was asked for; `target` 0 stands for any of its addresses.
static int is_reply(const struct arp_frame *frame, int length, uint32_t target) {
  return length >= (int)sizeof *frame && frame->operation == htons(REPLY) &&
         (target == 0 ? ntohl(frame->sender_ip) - first < count : frame->sender_ip == target) &&
         memcmp(frame->sender_mac, responder, ETH_ALEN) == 0 && memcmp(frame->source, responder, ETH_ALEN) == 0 &&
         memcmp(frame->target_mac, uplink.mac, ETH_ALEN) == 0 && frame->target_ip == inet_addr(SENDER_IP);
}

static int64_t arrival_of(struct msghdr *message) {
  for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part != NULL; part = CMSG_NXTHDR(message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_TIMESTAMPNS) continue;
    struct timespec time;
    memcpy(&time, CMSG_DATA(part), sizeof time);
    return nanoseconds(time);
  }
  fprintf(stderr, "receive: a frame without a time stamp\n");
  exit(1);
}

// When the reply arrived; -1 if it did not.
static int64_t await_reply(uint32_t target) {
  uint8_t frame[SLOT];
  char control[128];
  for (;;) {
    struct iovec vector = {frame, sizeof frame};
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t length = recvmsg(uplink.fd, &message, 0);
    if (length < 0 && has_timed_out()) return -1;
    if (is_reply((struct arp_frame *)frame, length, target)) return arrival_of(&message);
  }
}

static void latency(int probes, int gap_us) {
  int on = 1, lost = 0, taken = 0;
  int64_t *latencies = calloc(probes, sizeof *latencies);
  struct timespec gap = {gap_us / 1000000, gap_us % 1000000 * 1000};
  struct arp_frame request = {0};
  uint32_t random = 1;
  if (latencies == NULL) fail("allocate");
  must(setsockopt(uplink.fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on), "ask for time stamps");
  // Otherwise the kernel rounds a gap up by 50 us.
  must(prctl(PR_SET_TIMERSLACK, 1), "set timer slack");
  limit_receive(LATENCY_LIMIT_US);
  prepare_request(&request);
  for (int i = 0; i < probes; i++) {
    random = random * 1664525 + 1013904223;
    request.target_ip = htonl(first + (random >> 16) % count);
    int64_t start = now(CLOCK_REALTIME);
    must(send(uplink.fd, &request, sizeof request, 0), "transmit");
    int64_t end = await_reply(request.target_ip);
    if (end < 0)
      lost++;
    else
      latencies[taken++] = end - start;
    if (gap_us > 0) clock_nanosleep(CLOCK_MONOTONIC, 0, &gap, NULL);
  }
  printf("{\"lost\":%d,\"micros\":[", lost);
  for (int i = 0; i < taken; i++) printf("%s%.3f", i == 0 ? "" : ",", latencies[i] / 1e3);
  printf("]}\n");
}

static struct arp_frame requests[BATCH];
static uint8_t replies[BATCH][SLOT];
static struct mmsghdr out[BATCH], in[BATCH];
static struct iovec out_vectors[BATCH], in_vectors[BATCH];

static void prepare_batches(void) {
  for (int i = 0; i < BATCH; i++) {
    prepare_request(&requests[i]);
    out_vectors[i] = (struct iovec){&requests[i], sizeof requests[i]};
    in_vectors[i] = (struct iovec){replies[i], SLOT};
    out[i].msg_hdr = (struct msghdr){.msg_iov = &out_vectors[i], .msg_iovlen = 1};
    in[i].msg_hdr = (struct msghdr){.msg_iov = &in_vectors[i], .msg_iovlen = 1};
  }
}

static int send_requests(int wanted) {
  static uint32_t next;
  int batch = wanted < BATCH ? wanted : BATCH;
  for (int i = 0; i < batch; i++) requests[i].target_ip = htonl(first + next++ % count);
  int sent = sendmmsg(uplink.fd, out, batch, 0);
  must(sent, "transmit");
  return sent;
}

static int count_replies(int received) {
  int proper = 0;
  for (int i = 0; i < received; i++) proper += is_reply((struct arp_frame *)replies[i], in[i].msg_len, 0);
  return proper;
}

static void rate(int milliseconds, int window) {
  long answered = 0, lost = 0;
  int outstanding = 0;
  limit_receive(RATE_LIMIT_US);
  prepare_batches();
  int64_t start = now(CLOCK_MONOTONIC), last = start, end = start + milliseconds * INT64_C(1000000);
  while (last < end) {
    while (outstanding < window) outstanding += send_requests(window - outstanding);
    int received = recvmmsg(uplink.fd, in, BATCH, MSG_WAITFORONE, NULL);
    last = now(CLOCK_MONOTONIC);
    if (received < 0 && has_timed_out()) {
      lost += outstanding;
      outstanding = 0;
      continue;
    }
    int proper = count_replies(received);
    answered += proper;
    outstanding = proper < outstanding ? outstanding - proper : 0;
  }
  printf("{\"lost\":%ld,\"replies\":%ld,\"seconds\":%.6f}\n", lost, answered, (last - start) / 1e9);
}

static int read_mac(const char *text) {
  return sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &responder[0], &responder[1], &responder[2], &responder[3],
                &responder[4], &responder[5]) == ETH_ALEN;
}

int main(int argc, char **argv) {
  int is_rate = argc == 8 && strcmp(argv[5], "rate") == 0;
  if (argc != 8 || !read_mac(argv[4]) || (!is_rate && strcmp(argv[5], "latency") != 0)) {
    fprintf(stderr, "usage: arp-prober LINK FIRST_ADDRESS COUNT RESPONDER_MAC latency|rate N M\n");
    return 2;
  }
  first = ntohl(inet_addr(argv[2]));
  count = atoi(argv[3]);
  uplink = open_link(argv[1], REPLY, BUFFER_BYTES);
  if (is_rate)
    rate(atoi(argv[6]), atoi(argv[7]));
  else
    latency(atoi(argv[6]), atoi(argv[7]));
  return 0;
}
