/* broadcast: the cost of fan-out over TLS alone.
 *
 * It reads one AMI session and sends the same bytes to every client that has sent
 * something like a login.  It parses only the ends of messages, and has no rights,
 * no filters and no correlation: the benchmark measures what a proxy adds to this.
 *
 *     broadcast --port P --upstream P --secret S --chain FILE --key FILE [--interval MS]
 *
 * With an interval, the bytes that arrive within it are sent in one write per
 * client; without, the events of each wake-up are sent at once.  A client with
 * more than 8 MiB waiting is dropped.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define BACKLOG_LIMIT (8u << 20)
static const char BANNER[] = "Asterisk Call Manager/11.0.0\r\n";
static const char WELCOME[] = "Response: Success\r\nMessage: Authentication accepted\r\n\r\n";

struct client {
    int fd, greeted, logged_in, over, waits_for_room;
    SSL *ssl;
    char input[2048];
    size_t input_used;
    char *output;                       /* bytes that the socket did not accept */
    size_t from, to, room;
    struct client *next;
};

static struct client *clients;
static int poller;

static void wait_for_room(struct client *c, int wanted)
{
    if (c->waits_for_room == wanted) return;
    struct epoll_event e = {.events = EPOLLIN | (wanted ? EPOLLOUT : 0u), .data.ptr = c};
    epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &e);
    c->waits_for_room = wanted;
}

/* The number of bytes that OpenSSL accepted. */
static size_t write_some(struct client *c, const char *data, size_t size)
{
    size_t done = 0;
    while (done < size) {
        int n = SSL_write(c->ssl, data + done, (int)(size - done));
        if (n <= 0) {
            int error = SSL_get_error(c->ssl, n);
            ERR_clear_error();
            if (error != SSL_ERROR_WANT_WRITE && error != SSL_ERROR_WANT_READ) c->over = 1;
            break;
        }
        done += (size_t)n;
    }
    return done;
}

static void give(struct client *c, const char *data, size_t size)
{
    if (c->over) return;
    size_t done = c->from < c->to ? 0 : write_some(c, data, size);
    data += done, size -= done;
    if (!size) return;
    if (c->to + size > c->room) {
        memmove(c->output, c->output + c->from, c->to - c->from);
        c->to -= c->from, c->from = 0;
        if (c->to + size > BACKLOG_LIMIT) { c->over = 1; return; }
        if (c->to + size > c->room) {
            c->room = 2 * (c->to + size);
            c->output = realloc(c->output, c->room);
            if (!c->output) { perror("broadcast"); exit(1); }
        }
    }
    memcpy(c->output + c->to, data, size);
    c->to += size;
    wait_for_room(c, 1);
}

static void give_rest(struct client *c)
{
    c->from += write_some(c, c->output + c->from, c->to - c->from);
    if (c->from == c->to) {
        free(c->output);
        c->output = NULL, c->from = c->to = c->room = 0;
        wait_for_room(c, 0);
    }
}

static void receive(struct client *c)
{
    if (!c->greeted) {
        int done = SSL_accept(c->ssl);
        if (done != 1) {
            int error = SSL_get_error(c->ssl, done);
            ERR_clear_error();
            c->over = error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE;
            return;
        }
        c->greeted = 1;
        give(c, BANNER, sizeof BANNER - 1);
    }
    for (;;) {
        int n = SSL_read(c->ssl, c->input + c->input_used, (int)(sizeof c->input - 1 - c->input_used));
        if (n <= 0) {
            int error = SSL_get_error(c->ssl, n);
            ERR_clear_error();
            c->over = c->over || (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE);
            return;
        }
        c->input_used += (size_t)n;
        c->input[c->input_used] = 0;
        for (char *stop; (stop = strstr(c->input, "\r\n\r\n"));) {
            if (strcasestr(c->input, "Logoff")) { c->over = 1; return; }
            c->logged_in = 1;
            give(c, WELCOME, sizeof WELCOME - 1);
            c->input_used -= (size_t)(stop + 4 - c->input);
            memmove(c->input, stop + 4, c->input_used + 1);
        }
        if (c->input_used == sizeof c->input - 1) { c->over = 1; return; }
    }
}

static void bury(void)
{
    for (struct client **p = &clients; *p;) {
        struct client *c = *p;
        if (!c->over) { p = &c->next; continue; }
        *p = c->next;
        SSL_free(c->ssl);
        close(c->fd);
        free(c->output);
        free(c);
    }
}

static int upstream, timer, listener;
static char pending[4u << 20];
static size_t pending_used;

static void flush(void)
{
    char *end = pending + pending_used;
    while (end >= pending + 4 && memcmp(end - 4, "\r\n\r\n", 4)) end--;
    size_t whole = end >= pending + 4 ? (size_t)(end - pending) : 0;
    if (!whole) return;
    for (struct client *c = clients; c; c = c->next)
        if (c->logged_in) give(c, pending, whole);
    pending_used -= whole;
    memmove(pending, end, pending_used);
}

static void accept_all(SSL_CTX *tls)
{
    int one = 1;
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
        struct client *c = calloc(1, sizeof *c);
        if (!c) { perror("broadcast"); exit(1); }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        c->fd = fd, c->ssl = SSL_new(tls), c->next = clients, clients = c;
        SSL_set_fd(c->ssl, fd);
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e);
    }
}

int main(int count, char **arguments)
{
    const char *secret = "", *chain = "", *key = "";
    int port = 0, upstream_port = 0, one = 1, armed = 0;
    double interval = 0;
    for (int i = 1; i + 1 < count; i += 2) {
        const char *name = arguments[i], *value = arguments[i + 1];
        if (!strcmp(name, "--port")) port = atoi(value);
        else if (!strcmp(name, "--upstream")) upstream_port = atoi(value);
        else if (!strcmp(name, "--secret")) secret = value;
        else if (!strcmp(name, "--chain")) chain = value;
        else if (!strcmp(name, "--key")) key = value;
        else if (!strcmp(name, "--interval")) interval = atof(value);
        else { fprintf(stderr, "broadcast: unknown option %s\n", name); return 2; }
    }
    signal(SIGPIPE, SIG_IGN);
    struct rlimit files;
    if (!getrlimit(RLIMIT_NOFILE, &files)) { files.rlim_cur = files.rlim_max; setrlimit(RLIMIT_NOFILE, &files); }
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    if (SSL_CTX_use_certificate_chain_file(tls, chain) != 1 || SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1) {
        ERR_print_errors_fp(stderr);
        return 1;
    }
    SSL_CTX_set_num_tickets(tls, 0);    /* as in the proxy, because sessions are long */
    SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);

    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)upstream_port)};
    upstream = socket(AF_INET, SOCK_STREAM, 0);
    char login[512];
    int size = snprintf(login, sizeof login, "Action: Login\r\nUsername: bench\r\nSecret: %s\r\n\r\n", secret);
    if (connect(upstream, (void *)&address, sizeof address) || send(upstream, login, (size_t)size, 0) != size) { perror("broadcast"); return 1; }
    char banner;
    while (recv(upstream, &banner, 1, 0) == 1 && banner != '\n') continue;
    fcntl(upstream, F_SETFL, O_NONBLOCK);

    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    address.sin_port = htons((uint16_t)port);
    if (bind(listener, (void *)&address, sizeof address) || listen(listener, 4096)) { perror("broadcast"); return 1; }
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    poller = epoll_create1(0);
    static int as_upstream, as_listener, as_timer;
    struct epoll_event ready[256], e = {.events = EPOLLIN, .data.ptr = &as_upstream};
    epoll_ctl(poller, EPOLL_CTL_ADD, upstream, &e);
    e.data.ptr = &as_listener;
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &e);
    e.data.ptr = &as_timer;
    epoll_ctl(poller, EPOLL_CTL_ADD, timer, &e);
    for (;;) {
        int n = epoll_wait(poller, ready, 256, -1);
        for (int i = 0; i < n; i++) {
            void *who = ready[i].data.ptr;
            if (who == &as_upstream) {
                ssize_t got = recv(upstream, pending + pending_used, sizeof pending - pending_used, 0);
                if (got == 0 || (got < 0 && errno != EAGAIN)) return 0;
                pending_used += got > 0 ? (size_t)got : 0;
                if (interval <= 0 || pending_used > sizeof pending / 2) flush();
                else if (!armed) {
                    struct itimerspec once = {{0, 0}, {0, (long)(interval * 1e6)}};
                    timerfd_settime(timer, 0, &once, NULL);
                    armed = 1;
                }
            } else if (who == &as_timer) {
                unsigned long long expirations;
                if (read(timer, &expirations, sizeof expirations) > 0) { armed = 0; flush(); }
            } else if (who == &as_listener) accept_all(tls);
            else {
                struct client *c = who;
                if (ready[i].events & EPOLLOUT && c->greeted) give_rest(c);
                if (!c->over) receive(c);
            }
        }
        bury();
    }
}
