// SPDX-License-Identifier: GPL-3.0-or-later
//
// What Tests/Bench/bench.py cannot measure from Python.
//   tool run COMMAND…                 "NANOSECONDS MAXRSS-KIB STATUS" of one process; its output is thrown away
//   tool flood LINK MAC SADDR SOURCES DADDR PORT COUNT [xdp LINK]
//                                     nanoseconds for COUNT SYNs of changing sources and ports, sent on LINK;
//                                     with xdp, a generic XDP program on that other link drops them all
// A packet sent into a veth is received in the sender's own softirq, so the time is that of both sides.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/if_ether.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void die(const char *what) {
  perror(what);
  exit(1);
}

static long long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int run(char **command) {
  int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
  long long start = now();
  // A child of this small process, so that its peak memory is its own.
  pid_t child = fork();
  if (child < 0) die("fork");
  if (child == 0) {
    dup2(null, 1);
    execvp(command[0], command);
    die(command[0]);
  }
  int status;
  struct rusage usage;
  if (wait4(child, &status, 0, &usage) < 0) die("wait4");
  printf("%lld %ld %d\n", now() - start, usage.ru_maxrss, WIFEXITED(status) ? WEXITSTATUS(status) : 255);
  return 0;
}

static uint32_t sum(const void *data, size_t length, uint32_t total) {
  const uint16_t *words = data;
  for (size_t i = 0; i < length / 2; i++) total += words[i];
  return total;
}

static uint16_t fold(uint32_t total) {
  while (total >> 16) total = (total & 0xffff) + (total >> 16);
  return (uint16_t)~total;
}

// r0 = XDP_DROP; exit. Attached as long as this process lives.
static void drop_by_xdp(const char *link) {
  struct bpf_insn program[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = XDP_DROP},
                               {.code = BPF_JMP | BPF_EXIT}};
  union bpf_attr load = {.prog_type = BPF_PROG_TYPE_XDP, .insn_cnt = 2, .expected_attach_type = BPF_XDP};
  load.insns = (uintptr_t)program;
  load.license = (uintptr_t) "GPL";
  int fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof load);
  if (fd < 0) die("BPF_PROG_LOAD");
  union bpf_attr attach;
  memset(&attach, 0, sizeof attach);
  attach.link_create.prog_fd = (uint32_t)fd;
  attach.link_create.target_ifindex = if_nametoindex(link);
  attach.link_create.attach_type = BPF_XDP;
  attach.link_create.flags = 2;  // XDP_FLAGS_SKB_MODE
  if (syscall(SYS_bpf, BPF_LINK_CREATE, &attach, sizeof attach) < 0) die("BPF_LINK_CREATE");
}

struct frame {
  struct ether_header ether;
  struct iphdr ip;
  struct tcphdr tcp;
} __attribute__((packed));

enum { BATCH = 64 };

static int flood(int count, char **arguments) {
  if (count < 7) return 64;
  if (count == 9) drop_by_xdp(arguments[8]);
  unsigned mac[6];
  if (sscanf(arguments[1], "%x:%x:%x:%x:%x:%x", mac, mac + 1, mac + 2, mac + 3, mac + 4, mac + 5) != 6) return 64;
  uint32_t source = ntohl(inet_addr(arguments[2])), sources = (uint32_t)atoi(arguments[3]);
  uint32_t target = inet_addr(arguments[4]);
  uint16_t port = htons((uint16_t)atoi(arguments[5]));
  int packets = atoi(arguments[6]);
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(0, &one);
  sched_setaffinity(0, sizeof one, &one);

  int fd = socket(AF_PACKET, SOCK_RAW, 0);
  struct sockaddr_ll link = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(arguments[0])};
  if (fd < 0 || bind(fd, (struct sockaddr *)&link, sizeof link) < 0) die("packet socket");
  int yes = 1;
  if (setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &yes, sizeof yes) < 0) die("PACKET_QDISC_BYPASS");

  static struct frame frames[BATCH];
  struct iovec pieces[BATCH];
  struct mmsghdr messages[BATCH];
  memset(messages, 0, sizeof messages);
  for (int i = 0; i < BATCH; i++) {
    struct frame *f = &frames[i];
    for (int b = 0; b < 6; b++) f->ether.ether_dhost[b] = (uint8_t)mac[b];
    f->ether.ether_shost[0] = 2;
    f->ether.ether_type = htons(ETHERTYPE_IP);
    f->ip = (struct iphdr){.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_TCP, .daddr = target};
    f->ip.tot_len = htons(sizeof f->ip + sizeof f->tcp);
    f->tcp = (struct tcphdr){.dest = port, .doff = 5, .syn = 1, .window = htons(64240)};
    pieces[i] = (struct iovec){f, sizeof *f};
    messages[i].msg_hdr.msg_iov = &pieces[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  long long spent = 0;
  for (int sent = 0; sent < packets; sent += BATCH) {
    for (int i = 0; i < BATCH; i++) {
      struct frame *f = &frames[i];
      uint32_t n = (uint32_t)(sent + i);
      f->ip.saddr = htonl(source + n % sources);
      f->tcp.source = htons((uint16_t)(1024 + n / sources % 60000));
      f->tcp.seq = n;
      f->ip.check = 0;
      f->ip.check = fold(sum(&f->ip, sizeof f->ip, 0));
      f->tcp.check = 0;
      f->tcp.check = fold(sum(&f->tcp, sizeof f->tcp, sum(&f->ip.saddr, 8, htons(IPPROTO_TCP) + htons(sizeof f->tcp))));
    }
    long long start = now();
    for (int done = 0; done < BATCH;) {
      int n = sendmmsg(fd, messages + done, (unsigned)(BATCH - done), 0);
      if (n <= 0) die("sendmmsg");
      done += n;
    }
    spent += now() - start;
  }
  printf("%lld\n", spent);
  return 0;
}

int main(int count, char **arguments) {
  if (count > 2 && !strcmp(arguments[1], "run")) return run(arguments + 2);
  if (count > 2 && !strcmp(arguments[1], "flood")) return flood(count - 2, arguments + 2);
  return 64;
}
