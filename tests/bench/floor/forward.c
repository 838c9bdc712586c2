/* The other ends of bench_forward.py: a relay that does the least any must do, and receivers that throw away.

   forward relay one|batch|gro PORT...   binds a port for each receiver's PORT, prints them; what comes goes on under
                                         an SSRC and sequence of its own
   forward sink udp|gro|tcp COUNT        binds so many ports, prints them, reads and counts

   "mark" on stdin begins the measure of a relay; "stop" ends either, which prints its CPU seconds, the packets since
   the mark, and all bytes that it sent on (a sink: that came). */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif
#define BURST 64
#define TOTAL 65000
#define NAP_MS 4
#define HEADER 12

static void die(const char *what) { perror(what); exit(1); }

static struct sockaddr_in loopback(int port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return a;
}

static int bound(int kind) {
    struct sockaddr_in at = loopback(0);
    int fd = socket(AF_INET, kind, 0), room = 4 << 20;
    if (kind == SOCK_DGRAM) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) || (kind == SOCK_STREAM && listen(fd, 4))) die("bind");
    return fd;
}

static int port_of(int fd) {
    struct sockaddr_in at;
    socklen_t length = sizeof at;
    getsockname(fd, (struct sockaddr *)&at, &length);
    return ntohs(at.sin_port);
}

static double cpu_s(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

/* --- the relay ----------------------------------------------------------------------------------------------- */

struct stream {
    int out;
    uint16_t sequence;
    uint32_t ssrc;
};

static unsigned char memory[BURST][65536];
static long long packets, bytes;

static void renumber(struct stream *s, unsigned char *packet) {
    uint16_t sequence = htons(s->sequence++);
    uint32_t ssrc = htonl(s->ssrc);
    memcpy(packet + 2, &sequence, 2);
    memcpy(packet + 8, &ssrc, 4);
    packets++;
}

static void relay_one(int fd, struct stream *s) {
    ssize_t got = recv(fd, memory[0], sizeof memory[0], MSG_DONTWAIT);
    if (got < HEADER) return;
    renumber(s, memory[0]);
    if (send(s->out, memory[0], got, 0) > 0) bytes += got;
}

/* One call for packets of one size, the last of which may be shorter. */
static void put_out(struct stream *s, struct iovec *parts, int count, uint16_t size) {
    char control[CMSG_SPACE(2)] = {0};
    struct msghdr head = {.msg_iov = parts, .msg_iovlen = count};
    struct cmsghdr *c = (struct cmsghdr *)control;
    head.msg_control = control;
    head.msg_controllen = sizeof control;
    c->cmsg_level = IPPROTO_UDP;
    c->cmsg_type = UDP_SEGMENT;
    c->cmsg_len = CMSG_LEN(2);
    memcpy(CMSG_DATA(c), &size, 2);
    ssize_t sent = sendmsg(s->out, &head, 0);
    if (sent > 0) bytes += sent;
}

static void relay_batch(int fd, struct stream *s) {
    static struct mmsghdr heads[BURST];
    static struct iovec parts[BURST];
    for (int n = 0; n < BURST; n++) {
        parts[n] = (struct iovec){memory[n], 2048};
        heads[n].msg_hdr = (struct msghdr){.msg_iov = &parts[n], .msg_iovlen = 1};
    }
    int got = recvmmsg(fd, heads, BURST, MSG_DONTWAIT, NULL);
    for (int n = 0; n < got; n++) {
        parts[n].iov_len = heads[n].msg_len;
        renumber(s, memory[n]);
    }
    for (int first = 0; first < got;) {
        size_t size = parts[first].iov_len, total = 0;
        int next = first;
        while (next < got && parts[next].iov_len <= size && total + parts[next].iov_len <= TOTAL) {
            total += parts[next].iov_len;
            if (parts[next++].iov_len < size) break;
        }
        put_out(s, parts + first, next - first, size);
        first = next;
    }
}

static void relay_gro(int fd, struct stream *s) {
    static struct mmsghdr heads[BURST];
    static struct iovec parts[BURST];
    static char control[BURST][CMSG_SPACE(4)];
    for (int n = 0; n < BURST; n++) {
        parts[n] = (struct iovec){memory[n], sizeof memory[n]};
        heads[n].msg_hdr = (struct msghdr){
            .msg_iov = &parts[n], .msg_iovlen = 1, .msg_control = control[n], .msg_controllen = sizeof control[n]};
    }
    int got = recvmmsg(fd, heads, BURST, MSG_DONTWAIT, NULL);
    for (int n = 0; n < got; n++) {
        int total = heads[n].msg_len, size = total;
        struct cmsghdr *c = CMSG_FIRSTHDR(&heads[n].msg_hdr);
        if (c && c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) memcpy(&size, CMSG_DATA(c), sizeof size);
        for (int at = 0; at + HEADER <= total; at += size) renumber(s, memory[n] + at);
        parts[n].iov_len = total;
        put_out(s, &parts[n], 1, size);
    }
}

/* --- both ---------------------------------------------------------------------------------------------------- */

static void sink(int fd, int is_tcp) {
    ssize_t got;
    while ((got = recv(fd, memory, sizeof memory, MSG_DONTWAIT)) > 0) {
        /* A report to the port below ours may come here (RFC 5761 4 tells it from media). */
        if (!is_tcp && memory[0][1] >= 192 && memory[0][1] <= 223) continue;
        packets++;
        bytes += got;
    }
}

int main(int argc, char **argv) {
    if (argc < 4) return 2;
    const char *way = argv[2];
    int is_relay = !strcmp(argv[1], "relay"), is_tcp = !strcmp(way, "tcp"), poll = epoll_create1(0);
    int count = is_relay ? argc - 3 : atoi(argv[3]), on = 1;
    struct stream *streams = calloc(65536, sizeof *streams);
    char *listening = calloc(65536, 1);
    for (int n = 0; n < count; n++) {
        int fd = bound(is_tcp ? SOCK_STREAM : SOCK_DGRAM);
        listening[fd] = is_tcp;
        if (is_relay) {
            struct sockaddr_in to = loopback(atoi(argv[3 + n]));
            streams[fd] = (struct stream){.out = bound(SOCK_DGRAM), .ssrc = 7 + n};
            if (connect(streams[fd].out, (struct sockaddr *)&to, sizeof to)) die("connect");
        }
        if (!strcmp(way, "gro") && setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof on)) die("UDP_GRO");
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
        printf("%d ", port_of(fd));
    }
    printf("\n");
    fflush(stdout);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = 0}, ready[256];
    epoll_ctl(poll, EPOLL_CTL_ADD, 0, &event);
    double marked = 0;
    for (;;) {
        if (strcmp(way, "one")) usleep(NAP_MS * 1000);
        int found = epoll_wait(poll, ready, 256, -1);
        for (int n = 0; n < found; n++) {
            int fd = ready[n].data.fd;
            if (fd == 0) {
                char word[16];
                if (read(0, word, sizeof word) <= 0) return 0;
                if (word[0] == 'm') {
                    printf("marked\n");
                    fflush(stdout);
                    marked = cpu_s();
                    packets = 0;
                    continue;
                }
                printf("%.6f %lld %lld\n", cpu_s() - marked, packets, bytes);
                return 0;
            }
            if (listening[fd]) {
                int came = accept(fd, NULL, NULL);
                event.data.fd = came;
                epoll_ctl(poll, EPOLL_CTL_ADD, came, &event);
            } else if (!is_relay)
                sink(fd, is_tcp);
            else if (!strcmp(way, "one"))
                relay_one(fd, &streams[fd]);
            else if (!strcmp(way, "gro"))
                relay_gro(fd, &streams[fd]);
            else
                relay_batch(fd, &streams[fd]);
        }
    }
}
