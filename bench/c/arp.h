// What the ARP prober and the responder share: the frame (RFC 826) and a packet socket on one link, packet(7).

#ifndef FAIRLEAD_BENCH_ARP_H
#define FAIRLEAD_BENCH_ARP_H

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST 1
#define REPLY 2

struct __attribute__((packed)) arp_frame {
  uint8_t destination[ETH_ALEN], source[ETH_ALEN];
  uint16_t ethertype, hardware, protocol;
  uint8_t hardware_length, protocol_length;
  uint16_t operation;
  uint8_t sender_mac[ETH_ALEN];
  uint32_t sender_ip;
  uint8_t target_mac[ETH_ALEN];
  uint32_t target_ip;
};

struct link_socket {
  int fd;
  uint8_t mac[ETH_ALEN];
};

static void fail(const char *action) {
  perror(action);
  exit(1);
}

static void must(int result, const char *action) {
  if (result < 0) fail(action);
}

// A request for an IPv4 address, ready but for its sender's and target's addresses; or a reply likewise.
static void fill_constants(struct arp_frame *frame, int operation) {
  frame->ethertype = htons(ETH_P_ARP);
  frame->hardware = htons(1);
  frame->protocol = htons(ETH_P_IP);
  frame->hardware_length = ETH_ALEN;
  frame->protocol_length = 4;
  frame->operation = htons(operation);
}

// Receives ARP frames of one operation only. Bound last, so that no other frame slips in before the filter is there.
static struct link_socket open_link(const char *name, int operation, int buffer_bytes) {
  struct link_socket link = {.fd = socket(AF_PACKET, SOCK_RAW, 0)};
  must(link.fd, "open packet socket");
  struct ifreq request = {0};
  snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
  must(ioctl(link.fd, SIOCGIFHWADDR, &request), "ask link for its hardware address");
  memcpy(link.mac, request.ifr_hwaddr.sa_data, ETH_ALEN);
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),          BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_ARP, 0, 3),
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 20),          BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, operation, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 128),                  BPF_STMT(BPF_RET | BPF_K, 0),
  };
  struct sock_fprog program = {sizeof code / sizeof *code, code};
  must(setsockopt(link.fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program), "attach filter");
  int on = 1;
  must(setsockopt(link.fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on), "ignore outgoing frames");
  must(setsockopt(link.fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer_bytes, sizeof buffer_bytes), "grow buffer");
  must(setsockopt(link.fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer_bytes, sizeof buffer_bytes), "grow buffer");
  struct sockaddr_ll address = {
      .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ARP), .sll_ifindex = if_nametoindex(name)};
  must(bind(link.fd, (struct sockaddr *)&address, sizeof address), "bind packet socket");
  return link;
}

#endif
