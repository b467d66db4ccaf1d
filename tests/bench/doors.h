/* What swarm.c needs to speak HTTP and WebSocket: pure functions on bytes, without sockets or clients. */
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* RFC 6455's own example of a key, and the only right answer to it. */
#define WS_KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define WS_ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define WS_HEAD_LIMIT 14

enum opcode { WS_CONTINUATION = 0, WS_TEXT = 1, WS_BINARY = 2, WS_CLOSE = 8, WS_PING = 9, WS_PONG = 10 };

struct frame { unsigned final, opcode; const char *payload; size_t size; };

/* The first frame of a server's data: the bytes that it takes, 0 if it is not whole yet, -1 if no server may send it. */
static long ws_frame(const char *data, size_t size, struct frame *found)
{
    const unsigned char *d = (const unsigned char *)data;
    if (size < 2) return 0;
    if (d[0] & 0x70 || d[1] & 0x80) return -1;      /* reserved bits (compression), or masked */
    size_t head = 2, length = d[1] & 0x7f;
    if (length >= 126) {
        head = length == 126 ? 4 : 10;
        if (size < head) return 0;
        length = 0;
        for (size_t i = 2; i < head; i++) length = length << 8 | d[i];
    }
    if (length > size - head) return 0;
    *found = (struct frame){d[0] >> 7, d[0] & 15, data + head, length};
    return (long)(head + length);
}

/* A client's frame, which must be masked; its size.  ``out`` has room for WS_HEAD_LIMIT more bytes than ``payload``. */
static size_t ws_mask(enum opcode opcode, const char *payload, size_t size, char *out)
{
    static const unsigned char mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    size_t head = size < 126 ? 2 : 4;               /* nothing that is sent here has 64 KiB */
    out[0] = (char)(0x80 | opcode);
    out[1] = (char)(0x80 | (size < 126 ? size : 126));
    if (head == 4) out[2] = (char)(size >> 8), out[3] = (char)size;
    memcpy(out + head, mask, 4);
    for (size_t i = 0; i < size; i++) out[head + 4 + i] = (char)(payload[i] ^ mask[i % 4]);
    return head + 4 + size;
}

/* The value behind "name": in a JSON text that we trust, without its opening quote; NULL if the name is not there. */
static const char *json_value(const char *text, size_t size, const char *name)
{
    char key[64] = "\"";
    size_t n = strlen(name);
    memcpy(key + 1, name, n);
    memcpy(key + 1 + n, "\":", 2);
    const char *at = memmem(text, size, key, n + 3), *end = text + size;
    if (!at) return NULL;
    for (at += n + 3; at < end && *at == ' '; at++);
    return at < end && *at == '"' ? at + 1 : at;
}

static int json_is(const char *text, size_t size, const char *name, const char *value)
{
    const char *found = json_value(text, size, name);
    size_t n = strlen(value);
    return found && n < (size_t)(text + size - found) && !strncmp(found, value, n) && strchr("\",} ", found[n]);
}

/* The size of the head of an HTTP answer with its empty line; 0 if it is not whole yet. */
static size_t http_head(const char *data, size_t size)
{
    const char *stop = memmem(data, size, "\r\n\r\n", 4);
    return stop ? (size_t)(stop + 4 - data) : 0;
}

static int http_status(const char *head, size_t size)
{
    return size > 12 && !strncmp(head, "HTTP/1.1 ", 9) ? atoi(head + 9) : 0;
}

/* The value of a header, up to its line's end; NULL if it is not there. */
static const char *http_header(const char *head, size_t size, const char *name)
{
    size_t n = strlen(name);
    for (const char *line = memchr(head, '\n', size), *end = head + size; line && (size_t)(end - line) > n + 2; line = memchr(line + 1, '\n', (size_t)(end - line - 1)))
        if (!strncasecmp(line + 1, name, n) && line[n + 1] == ':') {
            for (line += n + 2; *line == ' '; line++);
            return line;
        }
    return NULL;
}

/* Percent-encoded for a query; ``out`` has room for three times as much and a NUL. */
static void url_quote(const char *text, char *out)
{
    static const char hex[] = "0123456789ABCDEF";
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        if (isalnum(*p) || strchr("-_.~", *p)) *out++ = (char)*p;
        else *out++ = '%', *out++ = hex[*p >> 4], *out++ = hex[*p & 15];
    *out = 0;
}
