/* The other side of bench_viewers, and its floor. Its own CPU is told only where it is the floor.

   viewers read PORT [DEAF]      one GET a line of stdin; prints "ready" when all have their first bytes, reads and
                                 throws away until it is terminated or all are closed, then prints how many bytes came
                                 and how many are still open. The first DEAF viewers never read.
   viewers floor N SECONDS K     prints a port, takes N viewers, then does the least that can be done: one send to each
                                 of them for every K pictures, at their pace; prints its CPU seconds. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { KEY_BYTES = 100100, DELTA_BYTES = 18530, GOP = 50, FPS = 25, MOST = 4096 };

static char buffer[1 << 18];
static volatile sig_atomic_t is_over;

static void end(int signal) { is_over = signal; }

static void fail(const char *what) { perror(what); exit(1); }

static int reading(int port, int deaf) {
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct epoll_event events[512];
    char line[512], request[768];
    long long bytes = 0;
    int count = 0, poll = epoll_create1(0), waiting = 0, small = 4096;
    struct sigaction action = {.sa_handler = end};
    there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sigaction(SIGTERM, &action, NULL);
    while (count < MOST && fgets(line, sizeof line, stdin)) {
        int size, opened = socket(AF_INET, SOCK_STREAM, 0);
        if (opened < 0) fail("socket");
        if (count < deaf) setsockopt(opened, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
        if (connect(opened, (struct sockaddr *)&there, sizeof there)) fail("connect");
        line[strcspn(line, "\n")] = 0;
        size = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: bench\r\n\r\n", line);
        if (write(opened, request, size) != size) fail("write");
        if (read(opened, buffer, 1) != 1) fail("the first byte");
        if (count >= deaf) {
            struct epoll_event wish = {.events = EPOLLIN, .data.fd = opened};
            if (epoll_ctl(poll, EPOLL_CTL_ADD, opened, &wish)) fail("epoll_ctl");
            waiting++;
        }
        count++;
    }
    int open = waiting;
    puts("ready");
    fflush(stdout);
    while (!is_over && open > 0) {
        int found = epoll_wait(poll, events, 512, 1000);
        for (int i = 0; i < found; i++) {
            ssize_t got = read(events[i].data.fd, buffer, sizeof buffer);
            if (got > 0)
                bytes += got;
            else if (got == 0 || errno != EAGAIN) {
                close(events[i].data.fd);
                open--;
            }
        }
    }
    printf("%lld %d\n", bytes, open);
    return 0;
}

static double now(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static int floor_of(int count, int seconds, int together) {
    static int sockets[MOST];
    static char data[KEY_BYTES + 16 * DELTA_BYTES];
    struct sockaddr_in here = {.sin_family = AF_INET};
    socklen_t size = sizeof here;
    int yes = 1, listening = socket(AF_INET, SOCK_STREAM, 0), shorts = 0;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listening, (struct sockaddr *)&here, sizeof here) || listen(listening, MOST)) fail("listen");
    getsockname(listening, (struct sockaddr *)&here, &size);
    printf("%d\n", ntohs(here.sin_port));
    fflush(stdout);
    for (int i = 0; i < count; i++) {
        sockets[i] = accept4(listening, NULL, NULL, SOCK_NONBLOCK);
        if (sockets[i] < 0 || send(sockets[i], "F", 1, 0) != 1) fail("accept");
        setsockopt(sockets[i], IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    }
    usleep(500000);
    double began = now(CLOCK_MONOTONIC), cpu = now(CLOCK_PROCESS_CPUTIME_ID);
    for (int picture = 0; picture < seconds * FPS; picture += together) {
        int bytes = 0;
        for (int i = picture; i < picture + together; i++) bytes += i % GOP ? DELTA_BYTES : KEY_BYTES;
        double pause = began + (double)picture / FPS - now(CLOCK_MONOTONIC);
        if (pause > 0) usleep(pause * 1e6);
        for (int i = 0; i < count; i++) shorts += send(sockets[i], data, bytes, 0) != bytes;
    }
    printf("%.6f %d\n", now(CLOCK_PROCESS_CPUTIME_ID) - cpu, shorts);
    return 0;
}

int main(int count, char **words) {
    setvbuf(stdin, NULL, _IOFBF, 1 << 16);
    if (count >= 3 && !strcmp(words[1], "read")) return reading(atoi(words[2]), count > 3 ? atoi(words[3]) : 0);
    if (count == 5 && !strcmp(words[1], "floor")) return floor_of(atoi(words[2]), atoi(words[3]), atoi(words[4]));
    fputs("viewers read PORT [DEAF] | viewers floor N SECONDS K\n", stderr);
    return 2;
}
